// Exits with 1 and prints why, if a tag cannot be released: RELEASE_TAG is the tag, RELEASE_REPOSITORY the URL of the repository that publishes it.
import { readdirSync, readFileSync } from 'node:fs'

const { RELEASE_TAG: tag = '', RELEASE_REPOSITORY: home = '' } = process.env
const { version, repository } = JSON.parse(readFileSync('package.json', 'utf8'))
const pending = readdirSync('.changeset').filter(file => file.endsWith('.md') && file !== 'README.md')
const url = (repository?.url ?? '').replace(/^git\+|\.git$/g, '')

const problems = tag === '' ? [] : [
  tag !== `v${version}` && `the tag must be v${version}, as in package.json, got ${tag}`,
  !readFileSync('CHANGELOG.md', 'utf8').includes(`\n## ${version}\n`) && `CHANGELOG.md must have a section "## ${version}" (npm run release:version writes it)`,
  pending.length > 0 && `.changeset must hold no changesets, got ${pending.join(', ')} (npm run release:version uses them up)`,
  url !== home && `repository in package.json must be { "type": "git", "url": "git+${home}.git" }, got "${repository?.url ?? ''}" (npm refuses provenance for another one)`,
].filter(Boolean)
for (const problem of problems) console.error(problem)
process.exitCode = problems.length > 0 ? 1 : 0
