import { catchError, concatMap, from, map, of, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { registryContract, type Levers, type Runner, type UnderTest } from 'rx-discovery/testing'
import type { ClosableRegistry } from '../../../src/flow/registry.js'

registryContract(
  async () => {
    const registry = memoryRegistry()
    return { registry, levers: registry }
  },
  { describe, it, expect },
)

interface Declared {
  readonly name: string
  readonly body: (...context: unknown[]) => Promise<void>
}

/** What the contract declares, instead of running it. */
const declared = (make: () => Promise<UnderTest>, without: readonly (keyof Levers)[] = []) => {
  const cases: Declared[] = []
  const skipped: string[] = []
  const runner: Runner = {
    describe: (_, body) => body(),
    it: Object.assign((name: string, body: Declared['body']) => cases.push({ name, body }), { skip: (name: string) => skipped.push(name) }),
    expect,
    without,
  }
  registryContract(make, runner)
  const find = (name: string): Declared['body'] => {
    const found = cases.find(each => each.name.startsWith(name))
    if (!found) throw new Error(`the contract has no case ${name}`)
    return found.body
  }
  return { skipped, find }
}

describe('a case whose lever is missing', () => {
  const bare = async (): Promise<UnderTest> => ({ registry: memoryRegistry() })

  it('is skipped with its reason', async () => {
    const reasons: unknown[] = []
    await declared(bare).find('a watch from before a compaction')({ skip: (reason: unknown) => reasons.push(reason) })
    expect(reasons).toEqual(['needs compact'])
  })

  it('fails where the runner cannot skip, and is declared as skipped when named', async () => {
    await expect(declared(bare).find('a watch from before a compaction')()).rejects.toThrow('needs compact; this runner cannot skip')
    expect(declared(bare, ['compact']).skipped).toEqual([
      'a watch from before a compaction errors Compacted; from the head it loses nothing (needs compact)',
    ])
  })
})

it('closes the registry and disposes after each case', async () => {
  const registry = memoryRegistry()
  let disposed = 0
  await declared(async () => ({ registry, dispose: () => (disposed += 1) })).find('a put is cold')()
  expect(disposed).toBe(1)
  expect(registry.leases()).toEqual([])
  expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
})

describe('the contract finds a registry', () => {
  const broken: readonly (readonly [string, string, (sound: ClosableRegistry) => Partial<ClosableRegistry>])[] = [
    ['that lists in another order', 'a listing is sorted', ({ list }) => ({
      list: prefix => list(prefix).pipe(map(listing => ({ ...listing, changes: [...listing.changes].reverse() }))),
    })],
    ['that takes web for web2', 'a listing holds only', ({ list }) => ({ list: range => list(typeof range === 'string' ? range.slice(0, -1) : range) })],
    ['that counts what did not change', 'a check counts', ({ check }) => ({ check: (prefix, since) => check(prefix, since - 1) })],
    ['that ignores guards', 'a guard that fails', ({ put }) => ({ put: (entries, lease) => put(entries, lease).pipe(catchError(() => of(1))) })],
    ['that watches from one too early', 'a watch resumes', ({ watch }) => ({ watch: (prefix, revision) => watch(prefix, revision - 1) })],
    ['that splits transactions', 'a transaction is never split', ({ watch }) => ({
      watch: (prefix, revision) =>
        watch(prefix, revision).pipe(concatMap(batch => from(batch.changes.map(change => ({ ...batch, changes: [change] }))))),
    })],
    ['that hides a lease behind another', 'two leases', ({ lease }) => ({
      lease: (ttl, end) => lease(ttl, end).pipe(map(each => ({ ...each, id: '1' }))),
    })],
    ['that takes any TTL', 'a TTL that is', ({ lease }) => ({
      lease: (_, end) => lease(5, end).pipe(concatMap(() => throwError(() => new Error('granted')))),
    })],
    ['that answers after it was closed', 'closing errors', ({ check }) => ({
      check: (prefix, since) => check(prefix, since).pipe(catchError(() => of({ revision: 1, count: 0, changed: [] }))),
    })],
  ]
  it.each(broken)('%s', async (_, name, breakIt) => {
    const make = async (): Promise<UnderTest> => {
      const sound = memoryRegistry()
      return { registry: { ...sound, ...breakIt(sound) }, levers: sound }
    }
    await expect(declared(make).find(name)()).rejects.toThrow()
  })
})
