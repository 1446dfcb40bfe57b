// Makes the next version of the changesets: `npm run release:version`. The section "Unreleased" of the changelog becomes a part of that version.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const edit = (file, change) => writeFileSync(file, change(readFileSync(file, 'utf8')))
const version = () => JSON.parse(readFileSync('package.json', 'utf8')).version

const manifest = readFileSync('package.json', 'utf8')
const before = version()
execFileSync(process.execPath, [join(import.meta.dirname, '../node_modules/@changesets/cli/bin.js'), 'version'], { stdio: 'inherit' })
const after = version()
if (after === before) throw new Error(`the version is still ${before}: there is no changeset (write one with npx changeset)`)

// changesets writes package.json in a layout of its own, and leaves package-lock.json alone.
writeFileSync('package.json', manifest.replace(`"version": "${before}"`, `"version": "${after}"`))
edit('package-lock.json', lock => lock.replace(/("name": "rx-discovery",\s+"version": )"[^"]+"/g, `$1"${after}"`))
edit('CHANGELOG.md', changelog => changelog.replace(/^## Unreleased\n+/m, ''))
