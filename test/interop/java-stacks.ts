import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isThere } from '../is-there.js'

/** Gets the modules of `test/interop/java`. Resolves with the command that runs it, which takes an address of etcd, or with `undefined` without Java or Maven. */
export const javaStacks = async (): Promise<readonly string[] | undefined> => {
  if (!(await isThere('docs/interop.md', 'java', '-version')) || !(await isThere('docs/interop.md', 'mvn', '-version'))) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'interop-java-'))
  const classpath = join(dir, 'classpath')
  try {
    const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${classpath}`]
    await promisify(execFile)('mvn', ['-q', '-B', '-f', 'test/interop/java/pom.xml', ...goal]).catch((error: unknown) => {
      // Maven prints its errors to the standard output.
      throw new Error(`Maven cannot get the modules of test/interop/java: ${(error as { stdout?: string }).stdout ?? ''}`, { cause: error })
    })
    // Dubbo generates classes at run time.
    return ['java', '--add-opens', 'java.base/java.lang=ALL-UNNAMED', '-cp', readFileSync(classpath, 'utf8'), 'test/interop/java/Interop.java']
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
