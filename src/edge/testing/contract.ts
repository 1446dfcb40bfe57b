import type { ClosableRegistry } from '../../flow/registry.js'
import { leasing } from './cases/leasing.js'
import { outage } from './cases/outage.js'
import { reading } from './cases/reading.js'
import { watching } from './cases/watching.js'
import { writing } from './cases/writing.js'
import type { Levers } from './levers.js'
import { sceneOf, type Expect, type Scene } from './scene.js'

/** One case of a contract; without the levers in `needs` it is skipped. */
export interface Case {
  readonly name: string
  readonly needs?: readonly (keyof Levers)[]
  readonly run: (scene: Scene) => Promise<void>
}

/** What a contract is held against: made anew for each case, closed after it; several may share one server. */
export interface UnderTest {
  readonly registry: ClosableRegistry
  readonly levers?: Levers
  /** Called after the registry was closed. */
  readonly dispose?: () => unknown
}

/** A test runner's functions; those of vitest and jest fit. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: ((name: string, body: (...context: unknown[]) => Promise<void>, timeout?: number) => unknown) & {
    readonly skip: (name: string, body: () => Promise<void>) => unknown
  }
  readonly expect: Expect
  /** Levers known to be missing, for runners that cannot skip a running test (jest). */
  readonly without?: readonly (keyof Levers)[]
}

const patience = 60_000

/** Skips the running test where the runner can (vitest, node:test, mocha), and fails with the reason where it cannot. */
const skip = (context: unknown, reason: string): void => {
  const { skip } = (context ?? {}) as { readonly skip?: (reason: string) => unknown }
  if (!skip) throw new Error(`${reason}; this runner cannot skip a running test: name the lever in \`without\``)
  skip.call(context, reason)
}

/** Declares `cases` under one heading. */
export const contract = (name: string, cases: Readonly<Record<string, readonly Case[]>>) =>
  (make: () => Promise<UnderTest>, { describe, it, expect, without = [] }: Runner): void => {
    const declare = ({ name, needs = [], run }: Case): void => {
      const body = async (...[context]: unknown[]): Promise<void> => {
        const { registry, levers = {}, dispose } = await make()
        const missing = needs.filter(lever => !levers[lever])
        const { scene, leave } = sceneOf(registry, levers, expect)
        try {
          if (missing.length > 0) skip(context, `needs ${missing.join(', ')}`)
          else await run(scene)
        } finally {
          await leave()
          await dispose?.()
        }
      }
      const known = needs.filter(lever => without.includes(lever))
      if (known.length > 0) it.skip(`${name} (needs ${known.join(', ')})`, body)
      else it(name, body, patience)
    }
    describe(name, () => {
      for (const [title, list] of Object.entries(cases)) describe(title, () => list.forEach(declare))
    })
  }

/** What every registry must do: run it against your own with your test runner's functions. */
export const registryContract = contract('a registry', { reading, writing, watching, leasing, outage })
