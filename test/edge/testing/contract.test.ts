import { catchError, concatMap, from, map, of, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { lawsContract, registryContract, type Need, type Runner, type UnderTest } from 'rx-discovery/testing'
import type { Contract } from '../../../src/edge/testing/contract.js'
import type { ClosableRegistry, ReadableRegistry, Registry } from '../../../src/flow/registry.js'

interface Declared {
  readonly name: string
  readonly body: (...context: unknown[]) => Promise<void>
}

/** What a contract declares, instead of running it. */
const declared = (make: () => Promise<UnderTest>, { contract = registryContract, without = [] }: { readonly contract?: Contract; readonly without?: readonly Need[] } = {}) => {
  const cases: Declared[] = []
  const skipped: string[] = []
  const runner: Runner = {
    describe: (_, body) => body(),
    it: Object.assign((name: string, body: Declared['body']) => cases.push({ name, body }), { skip: (name: string) => skipped.push(name) }),
    expect,
    without,
  }
  contract(make, runner)
  const find = (name: string): Declared['body'] => {
    const found = cases.find(each => each.name.startsWith(name))
    if (!found) throw new Error(`the contract has no case ${name}`)
    return found.body
  }
  return { cases, skipped, find }
}

/** A registry that only reads, and the one behind it that writes. */
const readOnly = async (): Promise<UnderTest> => {
  const writer = memoryRegistry()
  const { list, watch, check } = writer
  const registry: ReadableRegistry = { list, watch, check }
  return { registry, writer, levers: writer, dispose: () => writer.close() }
}

describe('a case that needs a lever or verb that is missing', () => {
  const bare = async (): Promise<UnderTest> => ({ registry: memoryRegistry() })

  it('is skipped with the reason', async () => {
    const reasons: unknown[] = []
    const context = { skip: (reason: unknown) => reasons.push(reason) }
    await declared(bare).find('a watch from before a compaction')(context)
    await declared(readOnly).find('a put writes nothing')(context)
    expect(reasons).toEqual(['needs compact', 'needs lease, put'])
  })

  it('fails if the runner cannot skip, and is declared as skipped if it is named in `without`', async () => {
    await expect(declared(bare).find('a watch from before a compaction')()).rejects.toThrow('needs compact, and this runner cannot skip a running test')
    expect(declared(bare, { without: ['rewind', 'remaining', 'close'] }).skipped).toEqual([
      'close: a lease errors Closed once it is revoked, and Closed with a cause if the revoke is not answered within the timeout (needs close)',
      'close: a lease errors Closed without a cause if it is revoked (needs close)',
      'remaining emits once: the granted TTL, the seconds left, and the raft term, which is the same for all leases (needs remaining)',
      'what remains of a lease rises with its renewal (needs remaining)',
      'a lease that does not exist, or was revoked, has -1 seconds left (needs remaining)',
      'if the history is replaced, a watch from a later revision errors Rewound (needs rewind)',
      'closing errors Closed to everything that is open and to later calls, and can be done twice (needs remaining, close)',
      'closing leaves no lease (needs close)',
      'closing a registry that does not answer waits no longer than its timeout (needs close)',
      'closing a registry that does not answer waits no longer than 2 s by default (needs close)',
    ])
  })
})

describe('a registry that cannot write', () => {
  it('needs a writer', async () => {
    const { list, watch, check } = memoryRegistry()
    const make = async (): Promise<UnderTest> => ({ registry: { list, watch, check } })
    await expect(declared(make).find('a listing is sorted')()).rejects.toThrow('writer must be given, since the registry under test has no `put` and `lease`')
  })

  it('passes the cases that read, and skips those that write', async () => {
    const skipped = async (contract: Contract): Promise<readonly string[]> => {
      const names: string[] = []
      const run = async ({ name, body }: Declared): Promise<void> => body({ skip: () => names.push(name) })
      await Promise.all(declared(readOnly, { contract }).cases.map(run))
      return names
    }
    expect(await skipped(registryContract)).toMatchInlineSnapshot(`
      [
        "a put writes nothing until it is subscribed",
        "guarded puts create, update and delete keys, each transaction at a higher revision",
        "a put of several keys is one revision",
        "if a guard fails, nothing is written, and Taken has the content of all keys in the order of the entries",
        "a key moves to the lease that writes it",
        "a put under a lease that is gone writes nothing, and errors LeaseLost",
        "a value over 1.5 MiB errors InvalidArgument",
        "a lease is emitted at the grant and at each renewal, with one id and a later deadline each time",
        "each subscription to a lease is a lease of its own",
        "unsubscribing revokes: the keys are deleted at once, not at the end of the TTL",
        "the first value of \`end\` revokes the lease, which completes when that is done",
        "if the registry refuses the revoke, the lease errors with what refused it after \`end\`, and its keys stay until the TTL has passed",
        "close: a lease errors Closed once it is revoked, and Closed with a cause if the revoke is not answered within the timeout",
        "close: a lease errors Closed without a cause if it is revoked",
        "a lease that the registry let expire errors LeaseLost, and its keys are deleted",
        "unsubscribing during the grant leaves no lease",
        "a grant whose answer is lost errors Disconnected, and leaves no lease",
        "a TTL that is not a whole number of seconds from 1 to 9,000,000,000 errors InvalidArgument",
        "remaining emits once: the granted TTL, the seconds left, and the raft term, which is the same for all leases",
        "what remains of a lease rises with its renewal",
        "a lease that does not exist, or was revoked, has -1 seconds left",
        "a lease survives an interruption that is shorter than its TTL",
        "closing errors Closed to everything that is open and to later calls, and can be done twice",
        "closing leaves no lease",
        "closing a registry that does not answer waits no longer than its timeout",
        "closing a registry that does not answer waits no longer than 2 s by default",
      ]
    `)
    expect(await skipped(lawsContract)).toMatchInlineSnapshot(`
      [
        "Law 6 Never give up: a lost lease is replaced, and the instance is registered again",
        "Law 6 Never give up: a lease without answers is lost by the local clock no later than its TTL, and the registration comes back",
        "Law 7 Self-healing: a key that another client deletes is created again; a key that another client writes is left alone until it is deleted",
        "Law 8 Nothing leaks: a registration that ends, at whatever moment, leaves no lease and no key",
        "Law 9 Nothing crashes: interruptions at any moment reach no error handler",
      ]
    `)
  })
})

it('after each case, the contract closes the registry and calls `dispose`', async () => {
  const registry = memoryRegistry()
  let disposed = 0
  await declared(async () => ({ registry, dispose: () => (disposed += 1) })).find('a put writes nothing')()
  expect(disposed).toBe(1)
  expect(registry.leases()).toEqual([])
  expect(registry.subscriptions()).toEqual({ watches: 0, leases: 0, calls: 0 })
})

describe('the contract fails a registry', () => {
  const broken: readonly (readonly [string, string, (sound: ClosableRegistry) => Partial<ClosableRegistry>])[] = [
    ['that lists in another order', 'a listing is sorted', ({ list }) => ({
      list: range => list(range).pipe(map(listing => ({ ...listing, changes: [...listing.changes].reverse() }))),
    })],
    ['that takes web2 for web', 'a listing of a prefix', ({ list }) => ({ list: range => list(typeof range === 'string' ? range.slice(0, -1) : range) })],
    ['that lists an exact key as a prefix', 'a listing of an exact key', ({ list }) => ({ list: range => list(typeof range === 'string' ? range : range.key) })],
    ['that watches an exact key as a prefix', 'a watch of an exact key', ({ watch }) => ({ watch: (range, revision) => watch(typeof range === 'string' ? range : range.key, revision) })],
    ['that checks an exact key as a prefix', 'a check of an exact key', ({ check }) => ({ check: (range, since) => check(typeof range === 'string' ? range : range.key, since) })],
    ['that lists the present for the past', 'a listing at a past revision', ({ list }) => ({ list: range => list(range) })],
    ['that names the present revision of a past listing', 'a listing at a past revision', ({ list }) => ({
      list: (range, options) => list(range, options).pipe(map(listing => ({ ...listing, revision: listing.revision + 1 }))),
    })],
    ['that lists an empty range in no part', 'an empty range', ({ list }) => ({ list: range => list(range).pipe(concatMap(listing => (listing.changes.length > 0 ? [listing] : []))) })],
    ['that emits no first batch', 'a watch reaches the revision', ({ watch }) => ({ watch: (range, revision) => watch(range, revision).pipe(concatMap(batch => (batch.changes.length > 0 ? [batch] : []))) })],
    ['that names no cluster', 'every batch names the cluster', ({ watch }) => ({ watch: (range, revision) => watch(range, revision).pipe(map(batch => ({ ...batch, cluster: '' }))) })],
    ['that counts unchanged keys as changed', 'a check counts', ({ check }) => ({ check: (range, since) => check(range, since - 1) })],
    ['that ignores guards', 'if a guard fails', ({ put }) => ({ put: (entries, lease) => put(entries, lease).pipe(catchError(() => of(1))) })],
    ['that watches from one revision too early', 'a watch resumes', ({ watch }) => ({ watch: (range, revision) => watch(range, revision - 1) })],
    ['that splits transactions', 'a transaction is never split', ({ watch }) => ({
      watch: (range, revision) =>
        watch(range, revision).pipe(concatMap(batch => from(batch.changes.map(change => ({ ...batch, changes: [change] }))))),
    })],
    ['that gives two leases one id', 'each subscription to a lease', ({ lease }) => ({
      lease: (ttl, end) => lease(ttl, end).pipe(map(each => ({ ...each, id: '1' }))),
    })],
    ['that accepts any TTL', 'a TTL that is', ({ lease }) => ({
      lease: (_, end) => lease(5, end).pipe(concatMap(() => throwError(() => new Error('granted')))),
    })],
    ['that always has the whole TTL left', 'a lease that does not exist', ({ remaining }) => ({
      remaining: id => remaining(id).pipe(map(answer => ({ ...answer, left: answer.granted }))),
    })],
    ['that answers after it was closed', 'closing errors', ({ check }) => ({
      check: (range, since) => check(range, since).pipe(catchError(() => of({ revision: 1, count: 0, changed: [] }))),
    })],
    ['that ignores the timeout of close', 'closing a registry that does not answer waits no longer than its timeout', ({ close }) => ({ close: () => close() })],
  ]
  it.concurrent.each(broken)('%s', async (_, name, breakIt) => {
    const make = async (): Promise<UnderTest> => {
      const sound = memoryRegistry()
      const registry: Registry = { ...sound, ...breakIt(sound) }
      return { registry, levers: sound }
    }
    await expect(declared(make).find(name)()).rejects.toThrow()
  })
})
