import { shellWord } from '../etcd/shell-word.js'
import type { KnownOverrides } from './known-overrides.js'

/** The lines about overrides of instances that are not there: drained in a format without an entry for that, or left over. */
export const leftOverOverrides = (present: ReadonlySet<string>, overrides: KnownOverrides): readonly string[] =>
  [...overrides].filter(([name]) => !present.has(name)).map(([name, status]) => `${name} is not registered, and overridden as ${status} (rx-discovery undrain ${shellWord(name)} deletes the override)`)
