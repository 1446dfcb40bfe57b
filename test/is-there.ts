import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Whether a command is on the PATH. If it is not, this says which tests are skipped; `page` names what is needed. */
export const isThere = async (page: string, command: string, ...args: readonly string[]): Promise<boolean> => {
  try {
    await promisify(execFile)(command, args)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    console.log(`skipped: the tests that need \`${command}\`, which is not on the PATH (${page} names what is needed)`)
    return false
  }
}
