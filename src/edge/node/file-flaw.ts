import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { flaw, type Flaw } from '../../core/validation.js'

/** Who may do what with a file. */
export type FileUse = 'read' | 'write'

/** What is wrong with a path that could not be opened, by Node's error; `undefined` if the path is not to blame, as when too many files are open. */
export const fileFlaw = (path: string, use: FileUse, error: unknown): Flaw | undefined => {
  const found = (must: string, hint?: string): Flaw => flaw(`must be ${must}`, path, hint)
  switch ((error as NodeJS.ErrnoException | undefined)?.code ?? '') {
    case 'ENOENT':
      if (use === 'read') return found('a file that exists')
      // Otherwise the path is a link to a file that cannot be made.
      return existsSync(dirname(path)) ? undefined : found('a file in a folder that exists', `create ${dirname(path)} first`)
    case 'ENOTDIR':
      return found('a file in a folder', `${dirname(path)} is none`)
    case 'EISDIR':
      return found('a file', 'it is a folder')
    case 'EACCES':
    case 'EPERM':
      return found(`a file that this user may ${use}`)
    case 'EROFS':
      return found('a file that can be written', 'its file system is read-only')
    default:
      return undefined
  }
}
