import type { NamedInstance } from './instance-overrides.js'

/** The service and the id in the name of an instance, such as `web/node1`: the id is what follows the last `/`. */
export const splitName = (name: string): NamedInstance => {
  const cut = name.lastIndexOf('/')
  return { service: name.slice(0, Math.max(0, cut)), id: name.slice(cut + 1) }
}
