import { either as E, option as O } from 'fp-ts'
import { Compacted, Denied, Disconnected, Lagging, Rewound } from '../errors.js'
import { isRecord } from '../instance/json.js'
import type { Change, Check, Revision } from '../store.js'
import { flaw, type Flaw } from '../validation.js'

/** A change on the wire. `value` is `undefined` if only fields that are not served have changed: the value is the one of before. */
export interface WireChange extends Omit<Change, 'value'> {
  readonly value: string | null | undefined
}

/** The changes of one revision or several, or a part of them; or a part of a listing. */
export interface WireChanges {
  /** The id of the cluster. */
  readonly cluster: string
  readonly revision: Revision
  readonly changes: readonly WireChange[]
}

/** Why a bridge cannot serve what it is asked for. */
export interface WireTrouble {
  /** The name of the error's class, such as `Disconnected`. */
  readonly error: string
  /** Since when, epoch ms. */
  readonly since?: number
  /** For `Compacted`: the oldest revision that can still be read. */
  readonly revision?: Revision
}

/**
 * An event of a bridge, of a recording or of an answer: `listing` replaces everything, `batch` changes it, `trouble` reports that the registry does not answer or
 * that the history is gone, `progress` that everything up to its id is there; `check` is an answer. Events of one revision may come in parts; the last part has an id.
 */
export type WireEvent =
  | ({ readonly type: 'listing' | 'batch' } & WireChanges)
  | ({ readonly type: 'trouble' } & WireTrouble)
  | { readonly type: 'progress' }
  | { readonly type: 'check'; readonly check: Check }

/** The id of the last event of a revision: how far a reader has come, and the digest of all that is served there, if it is known. */
export interface WireId {
  readonly revision: Revision
  readonly digest: string | undefined
}

/** An event as a reader gets it, with its id, if it is the last one of a revision. */
export interface Received {
  readonly event: WireEvent
  readonly id: WireId | undefined
}

/** An id as text: `<revision>.<digest>`. */
export const wireIdText = ({ revision, digest }: WireId): string => (digest === undefined ? String(revision) : `${revision}.${digest}`)

const isRevision = (value: unknown): value is Revision => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** Reads an id; `undefined` if it is none of ours. */
export const readWireId = (text: string): WireId | undefined => {
  const [, digits, digest] = /^(\d{1,16})(?:\.([\da-f]{16}))?$/.exec(text) ?? []
  const revision = Number(digits)
  return isRevision(revision) ? { revision, digest } : undefined
}

/** One change as JSON: `[key, value, revision, lease]`, or `[key, revision, lease]` if its value is the one of before. */
export const wireChangeText = ({ key, value, revision, lease }: WireChange): string =>
  JSON.stringify(value === undefined ? [key, revision, lease] : [key, value, revision, lease])

/** The data of a `listing` or a `batch`, of changes that are text already: each is serialised once, however many readers there are. */
export const wireChangesText = (cluster: string, revision: Revision, changes: readonly string[]): string =>
  `{"cluster":${JSON.stringify(cluster)},"revision":${revision},"changes":[${changes.join()}]}`

/** The data of a `check`. */
const wireCheckText = ({ revision, count, changed }: Check): string =>
  JSON.stringify({ revision, count, changed: changed.map(each => [each.key, each.revision, each.lease]) })

/** The data of an event. */
export const wireEventText = (event: WireEvent): string => {
  switch (event.type) {
    case 'listing':
    case 'batch':
      return wireChangesText(event.cluster, event.revision, event.changes.map(wireChangeText))
    case 'check':
      return wireCheckText(event.check)
    case 'trouble': {
      const { error, since, revision } = event
      return JSON.stringify({ error, since, revision })
    }
    case 'progress':
      return '{}'
  }
}

const readChange = (row: unknown): WireChange | undefined => {
  if (!Array.isArray(row)) return undefined
  const [key, value, revision, lease] = (row.length === 3 ? [row[0], undefined, row[1], row[2]] : row) as readonly unknown[]
  return typeof key === 'string' && (typeof value === 'string' || value === null || row.length === 3) && isRevision(revision) && typeof lease === 'string'
    ? { key, value: value as WireChange['value'], revision, lease }
    : undefined
}

const readAll = <A>(rows: unknown, read: (row: unknown) => A | undefined): readonly A[] | undefined => {
  if (!Array.isArray(rows)) return undefined
  const all: A[] = []
  for (const row of rows) {
    const one = read(row)
    if (one === undefined) return undefined
    all.push(one)
  }
  return all
}

const readChanged = (row: unknown): Check['changed'][number] | undefined => {
  const found = readChange(row)
  return found === undefined || found.value !== undefined ? undefined : { key: found.key, revision: found.revision, lease: found.lease }
}

const readCheck = ({ revision, count, changed }: Readonly<Record<string, unknown>>): Check | undefined => {
  const rows = readAll(changed, readChanged)
  return isRevision(revision) && isRevision(count) && rows !== undefined ? { revision, count, changed: rows } : undefined
}

const readTrouble = ({ error, since, revision }: Readonly<Record<string, unknown>>): WireTrouble | undefined =>
  typeof error === 'string'
    ? { error, ...(typeof since === 'number' && Number.isFinite(since) && { since }), ...(isRevision(revision) && { revision }) }
    : undefined

const readFields = (type: string, data: Readonly<Record<string, unknown>>): WireEvent | undefined => {
  switch (type) {
    case 'listing':
    case 'batch': {
      const { cluster, revision } = data
      const changes = readAll(data['changes'], readChange)
      return typeof cluster === 'string' && isRevision(revision) && changes !== undefined ? { type, cluster, revision, changes } : undefined
    }
    case 'trouble': {
      const trouble = readTrouble(data)
      return trouble && { type, ...trouble }
    }
    case 'progress':
      return { type }
    case 'check': {
      const check = readCheck(data)
      return check && { type, check }
    }
    default:
      return undefined
  }
}

const types: readonly string[] = ['listing', 'batch', 'trouble', 'progress', 'check'] satisfies readonly WireEvent['type'][]

/** Reads an event from its type and its parsed data; total. `none`: of a type that a later version may have; skip it. */
export const readWireData = (type: string, data: unknown): E.Either<Flaw, O.Option<WireEvent>> => {
  if (!types.includes(type)) return E.right(O.none)
  const event = isRecord(data) ? readFields(type, data) : undefined
  return event === undefined ? E.left(flaw(`must be that of a ${type}`, data)) : E.right(O.some(event))
}

/** Reads an event from its type and its data as text; total. */
export const readWireEvent = (type: string, data: string): E.Either<Flaw, O.Option<WireEvent>> => {
  if (!types.includes(type)) return E.right(O.none)
  const parsed = E.tryCatch(() => JSON.parse(data) as unknown, () => flaw('must be JSON', data))
  return E.isLeft(parsed) ? parsed : readWireData(type, parsed.right)
}

/** An error as trouble: its class only, since a message may show what a page must not know. */
export const wireTroubleOf = (error: Error, since?: number): WireTrouble => ({
  error: error.name,
  ...(since !== undefined && { since }),
  ...(error instanceof Compacted && { revision: error.revision }),
})

/** Trouble as an error; `where` names the bridge. */
export const errorOfTrouble = ({ error, revision = 0 }: WireTrouble, where: string): Error => {
  switch (error) {
    case 'Compacted':
      return new Compacted(revision)
    case 'Rewound':
      return new Rewound(`the history behind ${where} was replaced, or the revision is in the future`)
    case 'Denied':
      return new Denied(`the registry behind ${where} refuses access`, { host: where })
    case 'Lagging':
      return new Lagging(`the registry behind ${where} lags`, { host: where })
    case 'Closed':
      return new Disconnected(`the registry behind ${where} was closed`, { host: where })
    default:
      return new Disconnected(`the registry behind ${where} does not answer`, { host: where })
  }
}
