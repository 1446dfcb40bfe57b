import type { Range } from '../../core/store.js'

/** What a role allows, as etcdctl calls it. */
export type Permission = 'read' | 'readwrite'

/** A word that a shell reads as it is. */
const quoted = (text: string): string => (/^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** The command of etcdctl that gives a role a permission. */
export const grantLine = (permission: Permission, range: Range): string => {
  const command = 'etcdctl role grant-permission ROLE'
  // A key that ends in `/` stands for the keys under it.
  if (typeof range !== 'string' && !range.key.endsWith('/')) return `${command} ${permission} ${quoted(range.key)}`
  const prefix = typeof range === 'string' ? range : range.key
  return prefix === '' ? `${command} --from-key=true ${permission} ''` : `${command} --prefix=true ${permission} ${quoted(prefix)}`
}
