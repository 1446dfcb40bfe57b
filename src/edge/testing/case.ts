import type { ClosableRegistry } from '../../flow/registry.js'
import type { Levers } from './levers.js'
import type { Scene } from './scene.js'

/** What a case needs beyond the reading verbs: a lever, or a verb that only registries that write have. */
export type Need = keyof Levers | Exclude<keyof ClosableRegistry, 'list' | 'watch' | 'check'>

/** One case of a contract. If a lever or verb in `needs` is missing, the case is reported as skipped. */
export interface Case {
  readonly name: string
  readonly needs?: readonly Need[]
  readonly run: (scene: Scene) => Promise<void>
}
