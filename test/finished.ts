/** The result of a sliced computation, without pauses. */
export const finished = <A>(sliced: Iterator<unknown, A>): A => {
  for (;;) {
    const { done, value } = sliced.next()
    if (done === true) return value
  }
}
