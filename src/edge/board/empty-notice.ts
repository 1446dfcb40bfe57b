import { html, type TemplateResult } from 'lit'
import type { Revision } from 'rx-discovery'
import { revisionText } from './board-revision.js'
import type { BoardState } from './board-state.js'

/** Why a board may show no services. */
export interface EmptyNoticeState {
  /** Whether a revision of the past is asked for. */
  readonly isPast: boolean
  /** Whether the registry has refused for good. */
  readonly isStopped: boolean
  readonly recorded: BoardState['past']
  /** Whether all of it is a recording. */
  readonly isRecording: boolean
  /** Whether it has something to read. */
  readonly hasSource: boolean
  /** The first revision that is known. */
  readonly first: Revision | undefined
  /** Whether what is to be shown is there: the revision, or the first listing. */
  readonly isShown: boolean
  /** Why that revision cannot be read. */
  readonly error: Error | undefined
  /** Whether filters hide services. */
  readonly isFiltered: boolean
}

const noticeOf = ({ isPast, isStopped, recorded, isRecording, hasSource, first, isShown, error, isFiltered }: EmptyNoticeState): readonly [title: string, text: string] => {
  if (error !== undefined) return ['This revision cannot be read', error.message]
  if (isRecording && recorded !== 'read') return recorded === 'missing' ? ['The recording cannot be read', 'Trying again'] : ['One moment', 'Reading the recording']
  if (isRecording && !isShown) return ['This revision is not in the recording', `It begins at ${revisionText(first ?? 0)}`]
  if (!isShown && isPast) return ['One moment', 'Reading the past']
  if (!isShown && isStopped) return ['Nothing was received', 'The reason is above']
  if (!isShown) return ['Nothing was received yet', hasSource ? 'Services appear with the first answer' : 'The board needs a url, a registry or a recording']
  if (isFiltered) return ['Nothing passes the filters', 'Clear a filter to see more']
  if (isPast || isRecording) return ['No service was registered', 'At this revision there was none']
  return ['No service is registered', 'Services appear here as soon as they register']
}

/** What a board without services shows: why. */
export const emptyNotice = (state: EmptyNoticeState): TemplateResult => {
  const [title, text] = noticeOf(state)
  return html`<div class="empty"><b>${title}</b>${text}</div>`
}
