import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string }
/** The version after it, if a changeset is `minor`. */
const next = version.replace(/^(\d+)\.(\d+)\..*$/, (_, major: string, minor: string) => `${major}.${Number(minor) + 1}.0`)

describe('a release', () => {
  let root: string
  const read = (file: string): string => readFileSync(join(root, file), 'utf8')
  const write = (file: string, text: string): void => writeFileSync(join(root, file), text)
  const git = (...args: readonly string[]): string => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args], { cwd: root, encoding: 'utf8' })
  /** What a script of `.changeset` prints to stderr, and whether it fails. */
  const script = (name: string, env: Readonly<Record<string, string>> = {}): Promise<{ readonly failed: boolean; readonly printed: string }> =>
    new Promise(done => {
      execFile(process.execPath, [resolve('.changeset', name)], { cwd: root, env: { ...process.env, ...env } }, (error, _, stderr) => done({ failed: error !== null, printed: stderr }))
    })
  const changeset = (kind: string, text: string): void => write('.changeset/one.md', `---\n"rx-discovery": ${kind}\n---\n\n${text}\n`)

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'release-'))
    mkdirSync(join(root, '.changeset'))
    for (const file of ['.changeset/config.json', 'package.json', 'package-lock.json']) cpSync(file, join(root, file))
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
    write('.gitignore', 'node_modules\n')
    write('CHANGELOG.md', `# rx-discovery\n\n## Unreleased\n\nWritten by hand.\n\n## ${version}\n\nThe version before.\n`)
    git('init', '-q', '-b', 'main')
    git('add', '.')
    git('commit', '-q', '-m', 'before')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('takes its version and its text from the changesets, and leaves the layout of package.json', async () => {
    const manifest = read('package.json')
    changeset('minor', 'Something new.')
    expect(await script('version.mjs')).toMatchObject({ failed: false })
    expect(read('package.json')).toBe(manifest.replace(`"version": "${version}"`, `"version": "${next}"`))
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({ version: next, packages: { '': { version: next } } })
    expect(read('CHANGELOG.md')).toMatch(new RegExp(`^# rx-discovery\n\n## ${next}\n\n### Minor Changes\n\n- (?:\\w+: )?Something new\\.\n\nWritten by hand\\.\n\n## ${version}\n\nThe version before\\.\n$`))
    expect(existsSync(join(root, '.changeset/one.md'))).toBe(false)
  })

  it('needs a changeset', async () => {
    const { failed, printed } = await script('version.mjs')
    expect(failed).toBe(true)
    expect(printed).toContain(`the version is still ${version}: there is no changeset`)
    expect(read('CHANGELOG.md')).toContain('## Unreleased')
  })

  it('needs a tag that is the version, a section of the changelog, no changeset, and a known repository', async () => {
    changeset('patch', 'Something mended.')
    write('CHANGELOG.md', '# rx-discovery\n')
    const { failed, printed } = await script('releasable.mjs', { RELEASE_TAG: 'v0.0.0', RELEASE_REPOSITORY: 'https://git.example/a/b' })
    expect(failed).toBe(true)
    expect(printed.trim().split('\n')).toEqual([
      `the tag must be v${version}, as in package.json, got v0.0.0`,
      `CHANGELOG.md must have a section "## ${version}" (npm run release:version writes it)`,
      '.changeset must hold no changesets, got one.md (npm run release:version uses them up)',
      expect.stringContaining('repository in package.json must be { "type": "git", "url": "git+https://git.example/a/b.git" }'),
    ])
  })

  it('is possible with all of these, and a run without a tag needs none of them', async () => {
    write('package.json', JSON.stringify({ version, repository: { type: 'git', url: 'git+https://git.example/a/b.git' } }))
    expect(await script('releasable.mjs', { RELEASE_TAG: `v${version}`, RELEASE_REPOSITORY: 'https://git.example/a/b' })).toEqual({ failed: false, printed: '' })
    write('CHANGELOG.md', '')
    expect(await script('releasable.mjs')).toEqual({ failed: false, printed: '' })
  })
})

it('npm run sbom lists what is installed with the package, and nothing of its development', () => {
  const bom = JSON.parse(execFileSync('npm', ['run', '--silent', 'sbom'], { encoding: 'utf8', maxBuffer: 2 ** 26 })) as { readonly bomFormat: string; readonly components: readonly { readonly name: string; readonly purl: string }[] }
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly dependencies: Readonly<Record<string, string>> }
  expect(bom.bomFormat).toBe('CycloneDX')
  const names = bom.components.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(Object.keys(dependencies)))
  expect(names).not.toContain('typescript')
})

it('CHANGELOG.md has a section for the version of package.json, and at most one for what is not released', () => {
  const sections = Array.from(readFileSync('CHANGELOG.md', 'utf8').matchAll(/^## (.*)$/gm), ([, title = '']) => title)
  expect(sections).toContain(version)
  expect(sections.slice(1)).not.toContain('Unreleased')
})
