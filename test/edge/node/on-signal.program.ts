// Run by on-signal.test.ts: fifty registrations end by one signal; prints what happens, and ends by itself.
import { merge, tap } from 'rxjs'
import { register } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { onSignal } from 'rx-discovery/node'

const registry = memoryRegistry()
const count = (): string => `${process.listenerCount('SIGTERM')} ${process.listenerCount('SIGINT')}`
process.on('warning', ({ name }) => console.log(name))

const until = onSignal().pipe(tap(signal => signals.add(signal)))
const signals = new Set<string>()
const registrations = Array.from({ length: 50 }, (_, n) => register(registry, { service: 'web', address: `10.0.0.5:${8000 + n}` }, { until, drain: 100 }))
let registered = 0
let revoked = 0
merge(...registrations).subscribe({
  next: ({ status }) => {
    if (status === 'registered' && (registered += 1) === 50) console.log(`registered, listeners: ${count()}`)
    if (status === 'revoked') revoked += 1
  },
  complete: () => {
    console.log(`${revoked} revoked by ${[...signals].join()}, keys: ${registry.keys().length}, listeners: ${count()}`)
    void registry.close()
  },
})
