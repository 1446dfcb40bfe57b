import { readFileSync } from 'node:fs'
import { InvalidArgument, toError } from '../../core/errors.js'
import { invalid } from '../../core/validation.js'
import { fileFlaw } from '../node/file-flaw.js'

/** Reads a file that an argument names. Throws `InvalidArgument`, with `hint` about where the name comes from. */
export const readInput = (argument: string, path: string, hint?: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const found = fileFlaw(path, 'read', error)
    if (found === undefined) throw new InvalidArgument(argument, `cannot be read: ${toError(error).message}`)
    throw invalid(argument, { ...found, hint: [found.hint, hint].filter(Boolean).join('; ') || undefined })
  }
}
