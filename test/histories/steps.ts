import fc from 'fast-check'

/** Events of a registry and of its users; `ms` is for how long it lasts, meanwhile the history goes on. */
export type Step =
  | { readonly does: 'put'; readonly key: number; readonly version: number }
  | { readonly does: 'delete'; readonly key: number }
  /** A transaction by another client: every key gets the version, 0 deletes. */
  | { readonly does: 'transact'; readonly keys: readonly number[]; readonly version: number }
  /** What the registration wants to be: 0 nothing, 3 another id. */
  | { readonly does: 'wish'; readonly version: number }
  /** Another hand writes over the registration's key, or deletes it. */
  | { readonly does: 'steal' | 'remove' }
  | { readonly does: 'wait' | 'interrupt' | 'freeze' | 'lag' | 'deny'; readonly ms: number }
  | { readonly does: 'expire'; readonly which: number }
  | { readonly does: 'rewind'; readonly by: number }
  /** A late subscriber comes, or goes. */
  | { readonly does: 'visit' }
  | { readonly does: 'compact' | 'loseGrant' }

type Steps = readonly fc.Arbitrary<Step>[]

const upTo = (max: number) => fc.integer({ min: 0, max })

/** A step that lasts. */
export const lasting = (does: 'wait' | 'interrupt' | 'freeze' | 'lag' | 'deny', max: number): fc.Arbitrary<Step> =>
  fc.record({ does: fc.constant(does), ms: upTo(max) })

/** The writes of other clients. */
export const writes: Steps = [
  fc.record({ does: fc.constant('put' as const), key: upTo(5), version: upTo(2) }),
  fc.record({ does: fc.constant('delete' as const), key: upTo(5) }),
  fc.record({ does: fc.constant('transact' as const), keys: fc.uniqueArray(upTo(5), { minLength: 2, maxLength: 4 }), version: upTo(2) }),
]

/** Everything but a replaced history. */
export const faults: Steps = [
  ...writes,
  fc.record({ does: fc.constant('wish' as const), version: upTo(3) }),
  fc.constantFrom<Step>({ does: 'steal' }, { does: 'remove' }, { does: 'remove' }, { does: 'visit' }),
  fc.record({ does: fc.constant('expire' as const), which: upTo(3) }),
  fc.constantFrom<Step>({ does: 'compact' }, { does: 'loseGrant' }),
  lasting('wait', 3_000),
  lasting('wait', 30_000),
  lasting('interrupt', 5_000),
  lasting('freeze', 8_000),
  lasting('lag', 8_000),
  lasting('deny', 3_000),
]

/** A history that is replaced by its own past. */
export const rewinds: Steps = [fc.record({ does: fc.constant('rewind' as const), by: upTo(6) })]
