const [newLine, carriageReturn] = [10, 13]

/**
 * Counts the bytes since the last event ended, which is at a blank line, and returns the highest count in each chunk. The parser's own limit passes a larger event if it
 * comes in one chunk.
 */
export const eventCounter = (): ((chunk: Uint8Array) => number) => {
  let count = 0
  let blank = true
  let last = 0
  return chunk => {
    let most = 0
    for (const byte of chunk) {
      count += 1
      if (count > most) most = count
      const ends = byte === carriageReturn || (byte === newLine && last !== carriageReturn)
      if (ends) {
        if (blank) count = 0
        blank = true
      } else if (byte !== newLine) blank = false
      last = byte
    }
    return most
  }
}
