import { afterEach } from 'vitest'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** What a test has until it ends: the last is cleaned up first. */
export const own = <A>(value: A, cleanup: (value: A) => unknown): A => {
  cleanups.push(() => cleanup(value))
  return value
}
