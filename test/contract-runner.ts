import { describe, expect, it, type TestContext } from 'vitest'
import type { Runner } from 'rx-discovery/testing'

/** Vitest as the runner of a contract, which also lists the cases that it skips, with the reason: a test at the end of each suite fixes the list. */
export const contractRunner = (): { readonly runner: Runner; readonly skipped: readonly string[] } => {
  const skipped: string[] = []
  const run: Runner['it'] = Object.assign(
    (name: string, body: (...context: unknown[]) => Promise<void>, timeout?: number) =>
      it(name, context => body(skipping(name, context)), timeout),
    { skip: it.skip },
  )
  const skipping = (name: string, { skip }: TestContext) => ({
    skip: (reason: string): void => {
      skipped.push(`${name} (${reason})`)
      skip(reason)
    },
  })
  return { runner: { describe, it: run, expect }, skipped }
}
