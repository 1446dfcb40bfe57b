// Balancing: slow instances get fewer calls, and failing ones hardly any.
import { catchError, interval, map, mergeMap, of, timer } from 'rxjs'
import { balance, discover, peakEwma, register, type ServiceInstance } from 'rx-discovery'
import { registry, show } from 'playground'

for (const id of ['a', 'b', 'c'])
  show(id, register(registry, { service: 'web', id, address: `${id}:8080` }))

const web = balance(discover(registry, 'web'), peakEwma())

// Calls to c take ten times as long. After 6 s all calls to b fail.
let isBroken = false
timer(6_000).subscribe(() => (isBroken = true))
const call = ({ id }: ServiceInstance) =>
  timer(id === 'c' ? 200 : 20).pipe(
    map(() => {
      if (id === 'b' && isBroken) throw new Error('b answered 500')
      return id
    }),
  )

// A marble shows which instance answered; with `retries: 1`, hardly any call would fail.
const calls$ = interval(250).pipe(mergeMap(() => web.use(call).pipe(catchError((error: unknown) => of(error)))))
show('calls', calls$)
show('statistics', web.state$)
