import { setTimeout as sleep } from 'node:timers/promises'

/** Calls `look` every `pause` ms until it returns a value, for at most `within` ms. */
export const until = async <A>(look: () => A | undefined | Promise<A | undefined>, within: number, pause = 5): Promise<A | undefined> => {
  const end = performance.now() + within
  for (;;) {
    const found = await look()
    if (found !== undefined || performance.now() > end) return found
    await sleep(pause)
  }
}
