// The usual Nest and Angular; `npm run test:frameworks` has all their versions.
import { angularProjects } from './angular.mjs'
import { nestProjects, usualNest } from './nest.mjs'
import { file, play, project, run, works } from './tools.mjs'

play(tarball => {
  angularProjects(tarball, '21.2.24')

  project("Angular's fakeAsync fires the timers, though it leaves performance.now alone", () => {
    file('angular-21.2.24/fake-async.mjs', `
import 'zone.js/node'
import 'zone.js/testing'
import '@angular/compiler'
import { NgZone } from '@angular/core'
import { balance, discover, register, roundRobin, serviceInstance, serviceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { BehaviorSubject, of, throwError } from 'rxjs'
const { fakeAsync, flush, tick } = Zone[Zone.__symbol__('fakeAsyncTest')]
const node = id => serviceInstance({ service: 'web', id, address: id + ':1' })
const same = (actual, expected) => { if (actual !== expected) throw new Error(actual + ' instead of ' + expected) }
const test = body => Zone.current.fork(new Zone.ProxyZoneSpec()).run(() => fakeAsync(() => body(new NgZone({})))())
test(zone => {
  const [registry, seen] = [memoryRegistry(), []]
  const registration = zone.run(() => register(registry, node('a'), { ttl: 10 }).subscribe(({ status }) => seen.push(status + NgZone.isInAngularZone())))
  registry.freeze()
  tick(9_000)
  same(seen.at(-1), 'registeredtrue')
  tick(1_001)
  same(seen.at(-1), 'losttrue')
  registration.unsubscribe()
  flush()
})
test(zone => {
  const web = balance(new BehaviorSubject(serviceSet('web', [node('a'), node('b')])), roundRobin(), { outliers: { consecutive: 1, base: 30_000 }, linger: 0 })
  const called = () => {
    const ids = new Set()
    for (let i = 0; i < 10; i++) web.use(({ id }) => (ids.add(id), of(id))).subscribe()
    return ids.size
  }
  zone.run(() => web.use(() => throwError(() => new Error())).subscribe({ error: () => undefined }))
  tick(29_000)
  same(called(), 1)
  tick(1_001)
  same(called(), 2)
  flush()
})
test(zone => {
  const registry = memoryRegistry()
  let last
  const discovery = zone.run(() => discover(registry, 'web').subscribe(set => (last = set)))
  same(zone.hasPendingMacrotasks, false)
  registry.lag()
  registry.write('/rx-discovery/web/a', '{"v":1,"address":"a:1"}')
  tick(59_000)
  same(last.size, 0)
  tick(10_000)
  same(last.size, 1)
  discovery.unsubscribe()
})
console.log('works')
`)
    works(run('angular-21.2.24', process.execPath, 'fake-async.mjs'))
  })

  nestProjects(tarball, usualNest)
})
