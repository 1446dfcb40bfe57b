import type { Marble } from '../messages.js'

/** A marble with its place in its row. */
export interface Placed extends Marble {
  /** It stays the same while the marble is kept. */
  readonly key: number
  /** From the beginning of the row, pixels. */
  readonly x: number
}

/** How much of a marble is seen behind the next one, and how far a marble is moved for that at most, pixels. */
const [seen, furthest] = [22, 66]

let keys = 0

/**
 * Marbles at their times. If several come at once, each is moved a little so that the one before it is seen. The first `kept` ones are placed already.
 *
 * @param scale pixels per second
 * @default kept 0
 */
export const placed = (marbles: readonly (Marble | Placed)[], scale: number, kept = 0): readonly Placed[] => {
  const all: Placed[] = []
  for (const marble of marbles) {
    const before = all.at(-1)
    if (all.length < kept && 'key' in marble) {
      all.push(marble)
      continue
    }
    const due = (marble.at / 1_000) * scale
    const x = Math.round(Math.min(Math.max(due, before === undefined ? due : before.x + seen), due + furthest))
    all.push({ ...marble, key: 'key' in marble ? marble.key : (keys += 1), x })
  }
  return all
}
