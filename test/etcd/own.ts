import { afterEach } from 'vitest'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Registers the cleanup of a value for the end of the test, and returns the value. The last one is cleaned up first. */
export const own = <A>(value: A, cleanup: (value: A) => unknown): A => {
  cleanups.push(() => cleanup(value))
  return value
}
