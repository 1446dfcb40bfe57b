import type { ReadableRegistry, Registry } from '../../flow/registry.js'
import type { Case, Need } from './case.js'
import type { Levers } from './levers.js'
import { sceneOf, type Expect } from './scene.js'

/** What a contract tests. It is made again for each case and closed after it; several may share one server. */
export interface UnderTest {
  /** The registry under test; the verbs that it lacks are reported as skipped. If it has a `close`, the contract calls it after each case. */
  readonly registry: ReadableRegistry | Registry
  /**
   * Writes what `registry` reads, if `registry` cannot write, such as one over SSE: reading, watching and outages are then tested in full.
   * `dispose` has to close it. @default `registry`, which is always used if it has `lease` and `put`
   */
  readonly writer?: Registry
  /** The faults that the contract can cause. @default none */
  readonly levers?: Levers
  /** Called after each case, once the registry is closed. */
  readonly dispose?: () => unknown
}

/** A test runner's functions; those of vitest and jest fit. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: ((name: string, body: (...context: unknown[]) => Promise<void>, timeout?: number) => unknown) & {
    readonly skip: (name: string, body: () => Promise<void>) => unknown
  }
  readonly expect: Expect
  /** Levers and verbs known to be missing, for runners that cannot skip a running test (jest). @default none */
  readonly without?: readonly Need[]
}

/** Declares the tests of a contract with the functions of `runner`; `make` is called once for each case. */
export type Contract = (make: () => Promise<UnderTest>, runner: Runner) => void

/** How long one case may take, ms. */
const timeout = 60_000

/** Skips the running test if the runner can do so (vitest, node:test, mocha), and fails with the reason if it cannot. */
const skip = (context: unknown, reason: string): void => {
  const { skip } = (context ?? {}) as { readonly skip?: (reason: string) => unknown }
  if (!skip) throw new Error(`${reason}, and this runner cannot skip a running test (name the lever or verb in \`without\`)`)
  skip.call(context, reason)
}

const verbs: readonly string[] = ['lease', 'put', 'remaining', 'close'] satisfies readonly Need[]

const isMissing = (need: Need, registry: ReadableRegistry, levers: Levers): boolean =>
  verbs.includes(need) ? !(need in registry) : (levers as Readonly<Record<string, unknown>>)[need] === undefined

const writerOf = ({ registry, writer }: UnderTest): Registry => {
  if ('put' in registry && 'lease' in registry) return registry
  if (writer !== undefined) return writer
  throw new Error('writer must be given, since the registry under test has no `put` and `lease` (pass a registry that writes what it reads)')
}

/** A contract of `cases`, by group. */
export const contract = (name: string, groups: Readonly<Record<string, readonly Case[]>>): Contract =>
  (make, { describe, it, expect, without = [] }) => {
    const declare = ({ name, needs = [], run }: Case): void => {
      const body = async (...[context]: unknown[]): Promise<void> => {
        const subject = await make()
        const { registry, levers = {}, dispose } = subject
        const missing = needs.filter(need => isMissing(need, registry, levers))
        const { scene, leave } = sceneOf({ registry, writer: writerOf(subject), levers, expect })
        try {
          if (missing.length > 0) skip(context, `needs ${missing.join(', ')}`)
          else await run(scene)
        } finally {
          await leave()
          await dispose?.()
        }
      }
      const absent = needs.filter(need => without.includes(need))
      if (absent.length > 0) it.skip(`${name} (needs ${absent.join(', ')})`, body)
      else it(name, body, timeout)
    }
    describe(name, () => {
      for (const [title, cases] of Object.entries(groups)) describe(title, () => cases.forEach(declare))
    })
  }
