import type { JournalEntry } from './journal-entry.js'

/** How what has happened is coloured: something can be called that could not be before, the opposite, the board itself was in trouble, or anything else. */
export type Tone = 'good' | 'bad' | 'trouble' | 'other'

/** The tone of what has happened. */
export const toneOf = ({ type, turned }: JournalEntry): Tone => {
  if (type === 'stale' || type === 'replaced') return 'trouble'
  if (type === 'left' || type === 'rejected' || turned === 'down') return 'bad'
  return type === 'joined' || type === 'cleared' || type === 'live' || turned === 'up' ? 'good' : 'other'
}
