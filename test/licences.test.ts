import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** Licences that let users do with the package what its own licence, MIT, lets them do. */
const permissive: ReadonlySet<string> = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'Unlicense'])

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: unknown
  /** The form before SPDX names: several of which one may be chosen. */
  readonly licenses?: readonly { readonly type: string }[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const manifestIn = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

/** The folder of a package as Node finds it from another folder; `undefined` if it is not installed. */
const folderOf = (name: string, from: string): string | undefined => {
  const folder = join(from, 'node_modules', name)
  if (existsSync(join(folder, 'package.json'))) return realpathSync(folder)
  return dirname(from) === from ? undefined : folderOf(name, dirname(from))
}

/** The folders of all packages that the named ones need at runtime, themselves included. Optional ones count if they are installed. */
const needed = (names: readonly string[], from: string, found = new Set<string>()): ReadonlySet<string> => {
  for (const name of names) {
    const folder = folderOf(name, from)
    if (folder === undefined || found.has(folder)) continue
    found.add(folder)
    const { dependencies, optionalDependencies } = manifestIn(folder)
    needed(Object.keys({ ...dependencies, ...optionalDependencies }), folder, found)
  }
  return found
}

/** Whether a licence is permissive: an SPDX name, or several of which one may be chosen. */
const isPermissive = (license: unknown): boolean =>
  typeof license === 'string' && license.replace(/^\((.*)\)$/, '$1').split(' OR ').some(name => permissive.has(name))

/** The licence of a package in one expression; `undefined` if it names none. */
const licenceOf = ({ license, licenses }: Manifest): unknown => license ?? licenses?.map(({ type }) => type).join(' OR ')

const strict = (folders: Iterable<string>): readonly string[] =>
  [...folders].map(manifestIn).filter(manifest => !isPermissive(licenceOf(manifest))).map(manifest => `${manifest.name}@${manifest.version}: ${JSON.stringify(licenceOf(manifest))}`)

describe('licences', () => {
  const { dependencies = {}, peerDependencies = {} } = manifestIn('.')

  it('of all packages that are installed with this one are permissive', () => {
    const packages = needed(Object.keys(dependencies), '.')
    expect(packages.size).toBeGreaterThanOrEqual(Object.keys(dependencies).length)
    expect(strict(packages)).toEqual([])
  })

  it('of its peers, and of what they need, are permissive', () => {
    const packages = needed(Object.keys(peerDependencies), '.')
    expect(packages.size).toBeGreaterThan(Object.keys(peerDependencies).length)
    expect(strict(packages)).toEqual([])
  })

  describe('of a package that is needed by another one', () => {
    let root: string
    beforeEach(() => {
      root = realpathSync(mkdtempSync(join(tmpdir(), 'licences-')))
    })
    afterEach(() => rmSync(root, { recursive: true, force: true }))

    const install = (path: string, manifest: object): void => {
      mkdirSync(join(root, path), { recursive: true })
      writeFileSync(join(root, path, 'package.json'), JSON.stringify({ version: '1.0.0', ...manifest }))
    }

    it.each([
      [{ license: 'GPL-3.0-only' }, 'b@1.0.0: "GPL-3.0-only"'],
      [{ license: 'MIT AND CC-BY-NC-4.0' }, 'b@1.0.0: "MIT AND CC-BY-NC-4.0"'],
      [{ licenses: [{ type: 'GPL-3.0-only' }] }, 'b@1.0.0: "GPL-3.0-only"'],
      [{ licenses: [] }, 'b@1.0.0: ""'],
      [{}, 'b@1.0.0: undefined'],
    ])('%j is found', (manifest, problem) => {
      install('node_modules/a', { name: 'a', license: 'MIT', dependencies: { b: '1' } })
      install('node_modules/a/node_modules/b', { name: 'b', dependencies: { a: '1' }, ...manifest })
      expect(strict(needed(['a'], root))).toEqual([problem])
    })
    it('may be chosen from several', () => {
      install('node_modules/a', { name: 'a', license: '(GPL-2.0-only OR MIT)', dependencies: { b: '1' } })
      install('node_modules/b', { name: 'b', licenses: [{ type: 'GPL-2.0-only' }, { type: 'MIT' }] })
      expect(strict(needed(['a'], root))).toEqual([])
    })
  })
})
