// Installs the packed package into empty projects, as its users do, and runs it in each: CommonJS and ES modules on several versions of Node, Jest, ts-jest,
// every module resolution of TypeScript, four bundlers, Nest, Angular, Deno and Bun. Prints one line per project; exits with 1 if one fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

// Side by side, because installations mostly wait.
const suites = ['toolchains.mjs', 'compilers.mjs', 'usual-frameworks.mjs'].map(async suite => {
  const [code] = await once(spawn(process.execPath, [join(import.meta.dirname, suite)], { stdio: 'inherit' }), 'close')
  return code
})
process.exitCode = (await Promise.all(suites)).every(code => code === 0) ? 0 : 1
