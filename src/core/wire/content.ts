import { SortedMap } from '../sorted-map/sorted-map.js'
import type { Batch, Change, Listing, Revision } from '../store.js'
import { noDigest, withoutPart, withPart, digestText, type Digest } from './digest.js'
import { servedAs, type Served, type Serving } from './serving.js'
import { wireChangeText, wireIdText } from './wire-event.js'

/** A key as it is in the registry. */
interface Stored {
  readonly revision: Revision
  readonly lease: string
  readonly served: Served | undefined
}

/** All that is served of a registry at one revision. Immutable: two contents share what is equal, so that their difference is cheap. */
export interface Content {
  readonly cluster: string
  readonly revision: Revision
  /** Every key under the prefix, also those that are not served: a check counts them. */
  readonly stored: SortedMap<Stored>
  /** What is served, by the key on the wire. */
  readonly served: SortedMap<Served>
  /** For keys on the wire that several keys of the registry claim, or have claimed: all claims, by rank. The last one is served. */
  readonly claims: SortedMap<SortedMap<Served>>
  readonly digest: Digest
}

/** One row of a `batch`, as text. */
export interface ServedRow {
  readonly key: string
  readonly text: string
  /** The same with its value, for readers of which it is not certain that they know it. */
  readonly full: string
}

/** The content before anything is known. */
export const noContent: Content = { cluster: '', revision: 0, stored: SortedMap.empty(), served: SortedMap.empty(), claims: SortedMap.empty(), digest: noDigest }

/** The id of a content. */
export const contentId = ({ revision, digest }: Content): string => wireIdText({ revision, digest: digestText(digest) })

const deleted = (key: string, revision: Revision): ServedRow => {
  const text = wireChangeText({ key, value: null, revision, lease: '0' })
  return { key, text, full: text }
}

/** The row that makes `after` of what a reader has, if that is not the same already. */
const rowBetween = (key: string, before: Served | undefined, after: Served | undefined, revision: Revision, hides: boolean): ServedRow | undefined => {
  if (after === undefined) return before && deleted(key, revision)
  if (before?.revision === after.revision && before.value === after.value && before.lease === after.lease) return undefined
  const same = hides && before?.value === after.value
  return { key, text: same ? wireChangeText({ ...after, value: undefined }) : after.text, full: after.text }
}

const rankOf = (source: string, { revision }: Served): string => String(revision).padStart(16, '0') + source

/** What is served at a key on the wire after the entry of one key of the registry changed, and all claims if there are several. */
const claimed = (
  { stored, served, claims }: Content,
  key: string,
  [source, before, after]: readonly [source: string, before: Served | undefined, after: Served | undefined],
  revision: Revision,
): { readonly shown: Served | undefined; readonly claims: SortedMap<SortedMap<Served>> } => {
  const shown = served.get(key)
  const others = claims.get(key)
  // The usual case: no other key claims this one.
  if (others === undefined && (shown === undefined || before !== undefined)) return { shown: after, claims }
  const sourceOfShown = others === undefined ? [...stored].find(([, each]) => each.served === shown)?.[0] : undefined
  let ranked = others ?? SortedMap.empty<Served>()
  if (sourceOfShown !== undefined && shown !== undefined) ranked = ranked.set(rankOf(sourceOfShown, shown), shown)
  if (before !== undefined) ranked = ranked.delete(rankOf(source, before))
  if (after !== undefined) ranked = ranked.set(rankOf(source, after), after)
  const last = ranked.at(ranked.size - 1)
  // An older claim that is served again is new to the readers, which drop what is not newer than what they have.
  const next = last !== undefined && last !== after && last.value !== shown?.value ? servedAs(key, last.value, Math.max(revision, last.revision), last.lease) : last
  // Kept for a single claim as well: what is served may be the claim with a newer revision.
  return { shown: next, claims: ranked.size > 0 ? claims.set(key, ranked) : claims.delete(key) }
}

/** A content after one change, and the rows that show it. */
const changedBy = (serving: Serving, content: Content, change: Change): readonly [Content, readonly ServedRow[]] => {
  const before = content.stored.get(change.key)?.served
  const after = change.value === null ? undefined : serving.serve(change)
  const { revision, lease } = change
  const stored = change.value === null ? content.stored.delete(change.key) : content.stored.set(change.key, { revision, lease, served: after })
  if (before === undefined && after === undefined) return [{ ...content, stored }, []]
  const keys = new Set([before?.key, after?.key].filter(key => key !== undefined))
  let { served, claims, digest } = content
  const rows: ServedRow[] = []
  for (const key of keys) {
    const own = [change.key, before?.key === key ? before : undefined, after?.key === key ? after : undefined] as const
    const was = served.get(key)
    const next = claimed({ ...content, served, claims }, key, own, revision)
    claims = next.claims
    served = next.shown === undefined ? served.delete(key) : served.set(key, next.shown)
    if (was !== undefined) digest = withoutPart(digest, was.part)
    if (next.shown !== undefined) digest = withPart(digest, next.shown.part)
    const row = rowBetween(key, was, next.shown, revision, serving.hides)
    if (row !== undefined) rows.push(row)
  }
  return [{ ...content, stored, served, claims, digest }, rows]
}

/** A content after a batch, and the rows that show its changes, one for each, in their order. */
export const afterBatch = (serving: Serving, content: Content, { cluster, revision, changes }: Batch): readonly [Content, readonly ServedRow[]] => {
  let next = content
  const rows: ServedRow[] = []
  for (const change of changes) {
    if (change.revision <= content.revision) continue
    const [changed, own] = changedBy(serving, next, change)
    next = changed
    rows.push(...own)
  }
  return [{ ...next, cluster, revision: Math.max(revision, content.revision) }, rows]
}

/** The entries after which a long computation may pause. */
const perSlice = 500

/** The content of a listing, in slices. */
export function* contentOf(serving: Serving, { cluster, revision, changes }: Listing, previous: Content = noContent): Generator<undefined, Content> {
  let claims = SortedMap.empty<SortedMap<Served>>()
  let digest = noDigest
  const stored: (readonly [string, Stored])[] = []
  const shown = new Map<string, readonly [source: string, Served]>()
  for (const [index, change] of changes.entries()) {
    if (index % perSlice === perSlice - 1) yield
    const known = previous.stored.get(change.key)
    const same = known?.revision === change.revision && known.lease === change.lease ? known : undefined
    const served = same === undefined ? serving.serve(change) : same.served
    stored.push([change.key, same ?? { revision: change.revision, lease: change.lease, served }])
    if (served === undefined) continue
    const { key } = served
    const rival = shown.get(key)
    if (rival !== undefined) {
      const ranked = claims.get(key) ?? SortedMap.from([[rankOf(...rival), rival[1]]])
      claims = claims.set(key, ranked.set(rankOf(change.key, served), served))
      if (rankOf(...rival) > rankOf(change.key, served)) continue
    }
    shown.set(key, [change.key, served])
  }
  const entries = [...shown].map(([key, [, served]]) => [key, served] as const)
  for (const [, { part }] of entries) digest = withPart(digest, part)
  yield
  const served = SortedMap.from(entries)
  return { cluster, revision, stored: SortedMap.sharing(previous.stored, SortedMap.from(stored)), served: SortedMap.sharing(previous.served, served), claims, digest }
}

/** The rows that make one content of another. */
export const rowsBetween = (before: Content, after: Content, hides: boolean): readonly ServedRow[] =>
  SortedMap.difference(before.served, after.served).flatMap(({ key, before: was, after: is }) => rowBetween(key, was, is, after.revision, hides) ?? [])

/** Whether `after` has something that a reader of `before` should have known: then the history was replaced. */
export const isReplaced = (before: Content, after: Content): boolean =>
  after.revision < before.revision ||
  SortedMap.difference(before.stored, after.stored).some(({ before: was, after: is }) => is !== undefined && is.revision <= before.revision && is.revision !== was?.revision)
