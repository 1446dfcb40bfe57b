import type { Observable } from 'rxjs'
import type { Batch, Check, Listing, Range, Revision } from '../../core/store.js'
import { errorOfTrouble, type WireTrouble } from '../../core/wire/wire-event.js'
import type { ListOptions, ReadableRegistry } from '../../flow/registry.js'

/** One call of a tab to the tab that leads. */
export type TabRequest =
  | { readonly verb: 'list'; readonly range: Range; readonly options: ListOptions }
  | { readonly verb: 'watch'; readonly range: Range; readonly from: Revision }
  | { readonly verb: 'check'; readonly range: Range; readonly since: Revision }

/** What such a call is answered with. */
export type TabAnswer = Listing | Batch | Check

/** What a tab sends to the one that leads. `id` names a call, over all tabs. */
export type ToLeader =
  | { readonly type: 'call'; readonly id: string; readonly request: TabRequest }
  | { readonly type: 'cancel'; readonly id: string }
  /** Asks whether the leading tab still runs. */
  | { readonly type: 'ping' }

/** What the tab that leads sends to the others. */
export type FromLeader =
  /** The sender leads from now on. */
  | { readonly type: 'leads' }
  | { readonly type: 'alive' }
  | { readonly type: 'next'; readonly id: string; readonly answer: TabAnswer }
  | { readonly type: 'error'; readonly id: string; readonly trouble: WireTrouble; readonly message: string }
  | { readonly type: 'complete'; readonly id: string }
  /** A call of the registry makes sense again. */
  | { readonly type: 'returned' }

/** What tabs send one another. `leader`: the tab that leads, by its own account. */
export type TabMessage = ToLeader | (FromLeader & { readonly leader: string })

/** Makes a call. */
export const answerTo = (registry: ReadableRegistry, request: TabRequest): Observable<TabAnswer> => {
  switch (request.verb) {
    case 'list':
      return registry.list(request.range, request.options)
    case 'watch':
      return registry.watch(request.range, request.from)
    case 'check':
      return registry.check(request.range, request.since)
  }
}

/** An error from another tab, of its class and with its message. */
export const errorFrom = ({ trouble, message }: Extract<FromLeader, { readonly type: 'error' }>): Error => {
  const error = errorOfTrouble(trouble, 'the leading tab')
  if (!(error.name === 'Compacted')) error.message = message
  return error
}
