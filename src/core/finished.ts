/** The result of a computation that can pause, worked out without a pause. */
export const finished = <A>(parts: Iterator<unknown, A>): A => {
  for (;;) {
    const part = parts.next()
    if (part.done === true) return part.value
  }
}
