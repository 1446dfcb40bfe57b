import type { Range } from '../../core/store.js'
import { shellWord } from './shell-word.js'

/** What a role allows, as etcdctl calls it. */
export type Permission = 'read' | 'readwrite'

/** The command of etcdctl that gives a role a permission. */
export const grantLine = (permission: Permission, range: Range): string => {
  const command = 'etcdctl role grant-permission ROLE'
  // A key that ends in `/` stands for the keys under it.
  if (typeof range !== 'string' && !range.key.endsWith('/')) return `${command} ${permission} ${shellWord(range.key)}`
  const prefix = typeof range === 'string' ? range : range.key
  return prefix === '' ? `${command} --from-key=true ${permission} ''` : `${command} --prefix=true ${permission} ${shellWord(prefix)}`
}
