import type { Revision } from 'rx-discovery'
import type { JournalEntry } from './journal-entry.js'

/** What all parts of a board need to render one frame. */
export interface BoardFrame {
  /** Epoch ms. */
  readonly now: number
  /** Since when times are known, epoch ms. */
  readonly since: number
  /** Whether all of it is a recording, which has no present. */
  readonly isRecording: boolean
  /** Whether the registry confirms what is shown. */
  readonly isLive: boolean
  /** Whether a filter is set. */
  readonly isFiltered: boolean
  /** Whether the latest moment is shown: the present, or the end of a recording. */
  readonly isAtEnd: boolean
  /** The past revision that is shown; `undefined`: the present. */
  readonly past: Revision | undefined
  /** Whether something has just happened: in the present a few seconds ago, in the past at the revision that is shown. */
  readonly isFresh: (entry: JournalEntry | undefined) => boolean
  /** The name of the instance that is selected, such as `web/node1`; `''`: none. */
  readonly selected: string
  readonly select: (name: string) => void
  readonly isOpen: (service: string) => boolean
  readonly toggle: (service: string) => void
  /** Shows a revision; `undefined`: the latest moment. */
  readonly show: (revision: Revision | undefined) => void
}
