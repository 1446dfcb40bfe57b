import fc from 'fast-check'
import { concatMap, delay, EMPTY, from, map, Observable, of, switchMap, timer } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { Batch, ReadableRegistry } from 'rx-discovery'
import type { MemoryRegistry } from 'rx-discovery/memory'
import { play, type PlayOptions } from './histories/play.js'
import { faults, lasting, rewinds, writes, type Step } from './histories/steps.js'

const histories = (steps: readonly fc.Arbitrary<Step>[], { numRuns = 300, ...options }: Omit<PlayOptions, 'seed'> & { readonly numRuns?: number } = {}) =>
  fc.check(
    fc.property(fc.array(fc.oneof(...steps), { maxLength: 25 }), fc.nat(), (history, seed) => {
      const wrong = play(history, { ...options, seed })
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    }),
    { numRuns, seed: Number(process.env['SEED'] ?? 20_151_124) },
  )

const holds = ({ failed, seed, counterexample, errorInstance }: ReturnType<typeof histories>): void =>
  expect(failed, `SEED=${seed} ${JSON.stringify(counterexample)}\n${String(errorInstance)}`).toBe(false)

/** Found, and for this reason. */
const finds = (what: RegExp, { errorInstance }: ReturnType<typeof histories>): void => expect(String(errorInstance)).toMatch(what)

/** The registry, watched otherwise. */
const watching = (watch: (registry: MemoryRegistry) => ReadableRegistry['watch']) => (registry: MemoryRegistry): ReadableRegistry => ({
  list: registry.list,
  check: registry.check,
  watch: watch(registry),
})

/** The registry, whose watches are altered. */
const altered = (alter: (batches: Observable<Batch>) => Observable<Batch>) => watching(registry => (prefix, revision) => alter(registry.watch(prefix, revision)))

/** Every answer and every event is some ms late. */
const slowly = (registry: MemoryRegistry): MemoryRegistry => ({
  ...registry,
  list: prefix => registry.list(prefix).pipe(delay(20)),
  check: (prefix, since) => registry.check(prefix, since).pipe(delay(20)),
  put: (entries, lease) => registry.put(entries, lease).pipe(delay(30)),
  watch: (prefix, revision) => timer(10).pipe(switchMap(() => registry.watch(prefix, revision).pipe(delay(15)))),
})

describe('random histories', () => {
  it('leave every set true at its revision, and all well in the end', { timeout: 60_000 }, () => {
    holds(histories(faults))
  })

  it('also of a service that is too large to be listed again after each break', { timeout: 60_000 }, () => {
    holds(histories(faults, { ballast: 1_001, numRuns: 40 }))
  })

  it('also over a wire that takes its time, on which a request may be carried out after its caller has stopped waiting', { timeout: 60_000 }, () => {
    // a refusal before the first answer is fatal, as it should be
    const slow = { through: slowly, writing: slowly, warmth: 200 }
    holds(histories(faults, { ...slow, numRuns: 200 }))
    holds(histories(faults, { ...slow, ballast: 1_001, numRuns: 20 }))
  })

  it('end well also when the watch loses one batch in three, since what is known is verified', { timeout: 60_000 }, () => {
    let count = 0
    const losing = altered(batches => batches.pipe(concatMap(batch => (batch.changes.length > 0 && (count += 1) % 3 === 0 ? EMPTY : of(batch)))))
    holds(histories(faults, { through: losing, always: false, verify: 1_000, numRuns: 100 }))
  })

  it('end well also when history is replaced', { timeout: 60_000 }, () => {
    holds(histories([...faults, ...rewinds]))
  })
})

describe('the check has teeth:', () => {
  const quietly = [...writes, lasting('wait', 300), lasting('interrupt', 50)]
  const bare = { verify: 0, quiet: 1_000 }
  // as on a wire, so that there are writes between the listing and the watch
  const tardy = (late: number) =>
    watching(registry => (prefix, revision) => timer(30).pipe(switchMap(() => registry.watch(prefix, Math.min(revision + late, registry.revision())))))

  it('it finds a watch that starts one revision too late', () => {
    finds(/truth: /, histories(quietly, { ...bare, through: tardy(1) }))
  })
  it('and holds for one that only starts later', () => {
    holds(histories(quietly, { ...bare, through: tardy(0), numRuns: 100 }))
  })

  it('it finds a watch that drops one batch in a hundred', () => {
    let count = 0
    const dropping = altered(batches => batches.pipe(concatMap(batch => (batch.changes.length > 0 && (count += 1) % 100 === 0 ? EMPTY : of(batch)))))
    finds(/truth: /, histories(quietly, { ...bare, through: dropping }))
  })

  it('it finds a watch that splits transactions', () => {
    const splitting = altered(batches => batches.pipe(concatMap(batch => (batch.changes.length < 2 ? of(batch) : from(batch.changes.map(change => ({ ...batch, changes: [change] })))))))
    finds(/(live|stale) at .*truth: /, histories(quietly, { ...bare, through: splitting }))
  })

  it('it finds a watch that says it is further than it is', () => {
    const ahead = altered(batches => batches.pipe(map(batch => ({ ...batch, revision: batch.revision + 1 }))))
    finds(/truth: |Rewound/, histories(quietly, { ...bare, through: ahead }))
  })

  it('it finds writes that ignore their guards', () => {
    const unguarded = (registry: MemoryRegistry): MemoryRegistry => ({
      ...registry,
      put: (entries, lease) => {
        const revisions = new Map(registry.entries().map(({ key, revision }) => [key, revision]))
        return registry.put(entries.map(entry => ({ ...entry, expect: revisions.get(entry.key) ?? 0 })), lease)
      },
    })
    finds(/was taken from its holder/, histories(faults, { writing: unguarded }))
  })

  it('it finds a lease that is revoked too late', () => {
    const clinging = (registry: MemoryRegistry): MemoryRegistry => ({
      ...registry,
      lease: (ttl, end) =>
        new Observable(subscriber => {
          const held = registry.lease(ttl, end).subscribe(subscriber)
          return () => timer(60_000).subscribe(() => held.unsubscribe())
        }),
    })
    finds(/left behind: /, histories(faults, { writing: clinging, numRuns: 20 }))
  })
})
