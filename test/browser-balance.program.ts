// Registers, discovers and calls, in a browser.
import { lastValueFrom, of } from 'rxjs'
import { balance, discover, register, roundRobin } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const registry = memoryRegistry()
const registration = register(registry, { service: 'web', id: 'a', address: 'a:80' }).subscribe()

export const answer = lastValueFrom(balance(discover(registry, 'web'), roundRobin(), { linger: 0 }).use(({ id }) => of(id))).finally(() => registration.unsubscribe())
