import { html, type TemplateResult } from 'lit'
import type { SetStatus } from '#internal/core/sets/service-set'
import type { Revision } from 'rx-discovery'
import { revisionText } from './board-revision.js'
import type { BoardState } from './board-state.js'

/** Why a board may show no services. */
export interface EmptyNoticeState {
  readonly status: SetStatus
  readonly recorded: BoardState['past']
  /** Whether all of it is a recording. */
  readonly isRecording: boolean
  /** Whether it has something to read. */
  readonly hasSource: boolean
  /** The first revision that is known. */
  readonly first: Revision | undefined
  /** Whether the revision that is shown is there. */
  readonly isShown: boolean
  /** Why that revision cannot be read. */
  readonly error: Error | undefined
  /** Whether filters hide services. */
  readonly isFiltered: boolean
}

const noticeOf = ({ status, recorded, isRecording, hasSource, first, isShown, error, isFiltered }: EmptyNoticeState): readonly [title: string, text: string] => {
  if (error !== undefined) return ['This revision cannot be read', error.message]
  if (isRecording && recorded !== 'read') return recorded === 'missing' ? ['The recording cannot be read', 'Trying again'] : ['One moment', 'Reading the recording']
  if (isRecording && !isShown) return ['This revision is not in the recording', `It begins at ${revisionText(first ?? 0)}`]
  if (!isShown) return ['One moment', 'Reading the past']
  if (!isRecording && status === 'pending') return ['Connecting', hasSource ? 'Waiting for the first listing' : 'The board needs a url, a registry or a recording']
  if (isFiltered) return ['No instance passes the filters', 'Clear a filter to see more']
  return ['No service is registered', isRecording ? 'None was, at this revision' : 'Services appear here as soon as they register']
}

/** What a board without services shows: why. */
export const emptyNotice = (state: EmptyNoticeState): TemplateResult => {
  const [title, text] = noticeOf(state)
  return html`<div class="empty"><b>${title}</b>${text}</div>`
}
