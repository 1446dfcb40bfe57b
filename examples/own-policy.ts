import { firstValueFrom, of } from 'rxjs'
import { balance, serviceInstance, serviceSet, type Policy } from 'rx-discovery'

interface Meta {
  readonly rack: string
}

// A policy is a pure function from candidates and a state to an index and the next state.
// This one stays on one rack until a call fails, then changes to the next rack.
const rackByRack: Policy<number, Meta> = {
  initial: 0,
  choose: ({ size, at }, failures) => {
    const racks = new Set(Array.from({ length: size }, (_, index) => at(index)?.instance.metadata.rack))
    const rack = [...racks][failures % racks.size]
    for (let index = 0; index < size; index++) if (at(index)?.instance.metadata.rack === rack) return [index, failures]
    return [undefined, failures]
  },
  learn: (failures, { result }) => (result === 'failure' ? failures + 1 : failures),
}

const nodeOn = (rack: string, id: string) => serviceInstance({ service: 'web', id, address: `${id}:80`, metadata: { rack } })
const web = balance(of(serviceSet('web', [nodeOn('r1', 'a'), nodeOn('r1', 'b'), nodeOn('r2', 'c')])), rackByRack, { linger: 0 })

const call = (fails: boolean) => web.use(({ id, metadata: { rack } }) => (fails ? Promise.reject(new Error(`${id} failed`)) : Promise.resolve(`${id} on ${rack}`)))
for (const fails of [false, true, false])
  console.log(await firstValueFrom(call(fails)).catch((error: unknown) => String(error)))
