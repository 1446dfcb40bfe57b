// What the suites of consumers share: temporary projects into which the packed package is installed.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
// Nest 12 cannot be required on Node 22.0 to 22.11, Angular not at all, and TypeScript 5.4 does not know their types, so their subpaths have projects of their own.
// So has that of testcontainers: everything else has to work without it.
export const peers = Object.entries(manifest.peerDependencies).filter(([peer]) => !/^(@(angular|nestjs)\/|testcontainers$)/.test(peer))
export const versionOf = name => manifest.devDependencies[name]
export const newest = peers.map(([peer]) => `${peer}@${versionOf(peer)}`)
export const root = mkdtempSync(join(tmpdir(), 'consumers-'))
export const file = (path, text) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
export const run = (folder, command, ...args) => {
  try {
    return execFileSync(command, args, { cwd: join(root, folder), encoding: 'utf8', stdio: 'pipe', timeout: 900_000 })
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')}: ${error.message.split('\n')[0]}\n${error.stdout ?? ''}${error.stderr ?? ''}`, { cause: error })
  }
}
export const install = (folder, ...packages) => {
  file(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true }))
  run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', ...packages)
}

export const works = output => {
  if (!output.includes('works')) throw new Error(`did not run to its end:\n${output}`)
}

const results = []
export const project = (name, test) => {
  const began = Date.now()
  try {
    test()
    results.push([name, true])
    console.log(`ok (${Math.round((Date.now() - began) / 1000)} s): ${name}`)
  } catch (error) {
    results.push([name, false])
    console.log(`FAILED: ${name}\n${error.message}`)
  }
}

/** Packs the package, plays `projects` with the tarball, and prints how many passed. Exits with 1 if one failed. */
export const play = projects => {
  try {
    projects(join(root, execFileSync('npm', ['pack', '--silent', '--pack-destination', root], { encoding: 'utf8' }).trim()))
  } catch (error) {
    console.log(`FAILED: ${error.message}`)
    results.push(['set-up', false])
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  const failed = results.filter(([, ok]) => !ok).length
  console.log(`${results.length - failed} of ${results.length} projects run`)
  process.exitCode = failed === 0 ? 0 : 1
}
