import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answered, audit, confirmed, heard } from '../../../src/core/view/audit.js'
import { native } from '../../../src/core/formats/native.js'
import { folding, type View } from '../../../src/core/view/view.js'
import type { Change, Check, Revision } from '../../../src/core/store.js'

const fold = folding(native(), { service: 'web' })

interface Write {
  readonly id: string
  readonly lease: string
  readonly deletes: boolean
}

/** One revision after another; a key is written once in each, and what is not there is not deleted. */
const historyOf = (transactions: readonly (readonly Write[])[]): readonly Change[][] => {
  const there = new Set<string>()
  const history: Change[][] = []
  for (const writes of transactions) {
    const revision = history.length + 2
    const changes = writes.flatMap(({ id, lease, deletes }): readonly Change[] => {
      if (deletes && !there.delete(id)) return []
      if (!deletes) there.add(id)
      return [{ key: `/rx-discovery/web/${id}`, value: deletes ? null : '{"v":1,"address":"a:1"}', lease: deletes ? '0' : lease, revision }]
    })
    if (changes.length > 0) history.push(changes)
  }
  return history
}

/** What keys there are at a revision, since when and under which lease. */
const heldAt = (history: readonly (readonly Change[])[], at: Revision): ReadonlyMap<string, Change> => {
  const held = new Map<string, Change>()
  for (const change of history.flat().filter(({ revision }) => revision <= at))
    if (change.value === null) held.delete(change.key)
    else held.set(change.key, change)
  return held
}

const checkAt = (history: readonly (readonly Change[])[], revision: Revision, since: Revision): Check => {
  const held = [...heldAt(history, revision).values()]
  return { revision, count: held.length, changed: held.filter(change => change.revision > since).map(({ key, revision: at, lease }) => ({ key, revision: at, lease })) }
}

const listed = (entries: Iterable<{ readonly key: string; readonly revision: Revision; readonly lease: string }>): readonly string[] =>
  Array.from(entries, ({ key, revision, lease }) => `${key} ${revision} ${lease}`).sort()

const write = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), lease: fc.constantFrom('7', '8'), deletes: fc.boolean() })
const transactions = fc.array(fc.uniqueArray(write, { selector: ({ id }) => id, minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 15 })

/** A history in which three revisions follow one another: up to which it was verified, what is known when it is asked, and what the answer tells. */
const scenes = fc.record({
  history: transactions.map(historyOf),
  points: fc.array(fc.nat({ max: 15 }), { minLength: 3, maxLength: 3 }).map(points => points.sort((a, b) => a - b)),
  /** Where one batch ends and the next begins. */
  ends: fc.array(fc.boolean(), { minLength: 15, maxLength: 15 }),
  /** After how many batches the answer comes. */
  wait: fc.nat({ max: 8 }),
  losses: fc.array(fc.integer({ min: 0, max: 5 }).map(one => one === 0), { minLength: 45, maxLength: 45 }),
})

type Scene = typeof scenes extends fc.Arbitrary<infer S> ? S : never

/** What a comparison says after each batch since its answer; `known` is what it took to be the truth at the revision of the answer. */
const played = ({ history, points, ends, wait, losses }: Scene, lossy: boolean) => {
  const last = history.length + 1
  const [since, start, until] = points.map(point => Math.min(last, point + 1)) as [number, number, number]
  let event = 0
  const seen = history.map(changes => changes.filter(({ revision }) => (losses[event++] !== true || !lossy || revision <= since)))
  const known = seen.filter((_, at) => at + 2 <= start).reduce((so, changes, at) => fold.changed(so, { revision: at + 2, changes }), fold.nothing)

  const batches: Change[][] = []
  seen.forEach((changes, at) => {
    if (at + 2 <= start) return
    if (batches.length === 0 || ends[at] === true) batches.push([])
    batches.at(-1)?.push(...changes)
  })
  let state = audit(known)
  const verdicts: { readonly passed: boolean; readonly confirmed: boolean; readonly known: View<unknown> }[] = []
  let passed = start
  const note = (): unknown => verdicts.push({ passed: passed >= until, confirmed: confirmed(state), known: state.known })
  const check = checkAt(history, until, since)
  const answer = (): void => {
    state = answered(fold, state, check)
    note()
  }
  const asked = Math.min(wait, batches.length)
  if (asked === 0) answer()
  batches.forEach((changes, at) => {
    state = heard(fold, state, changes)
    passed = Math.max(passed, ...changes.map(({ revision }) => revision))
    if (at === batches.length - 1) passed = last
    if (at >= asked) note()
    else if (at === asked - 1) answer()
    else expect(confirmed(state)).toBe(false)
  })
  return { verdicts, truth: listed(heldAt(history, until).values()) }
}

describe('a comparison', () => {
  it('agrees as soon as the watch has passed its revision when nothing was lost, whatever crosses', () => {
    let behind = 0
    fc.assert(
      fc.property(scenes, scene => {
        const { verdicts, truth } = played(scene, false)
        for (const verdict of verdicts) {
          if (verdict.passed) expect(verdict.confirmed).toBe(true)
          else behind += verdict.confirmed ? 0 : 1
          if (verdict.confirmed) expect(listed(verdict.known.readings.values())).toEqual(truth)
        }
        expect(verdicts.at(-1)?.passed).toBe(true)
      }),
      { numRuns: 1_000 },
    )
    expect(behind).toBeGreaterThan(50)
  })

  it('never agrees with what is not the truth, whatever was lost since the last that agreed', () => {
    let found = 0
    fc.assert(
      fc.property(scenes, scene => {
        const { verdicts, truth } = played(scene, true)
        for (const { confirmed: agrees, known } of verdicts) {
          const wrong = listed(known.readings.values()).join() !== truth.join()
          expect(agrees).toBe(!wrong)
          found += wrong ? 1 : 0
        }
      }),
      { numRuns: 1_000 },
    )
    expect(found).toBeGreaterThan(50)
  })

  it('says nothing before there is an answer', () => {
    const state = audit(fold.nothing)
    expect([confirmed(state), confirmed(heard(fold, state, []))]).toEqual([false, false])
    expect(confirmed(answered(fold, state, { revision: 7, count: 0, changed: [] }))).toBe(true)
  })
})
