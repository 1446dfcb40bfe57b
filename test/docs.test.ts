import '@angular/compiler'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as angular from 'rx-discovery/angular'
import * as board from 'rx-discovery/board'
import * as browser from 'rx-discovery/browser'
import * as containers from 'rx-discovery/containers'
import * as grpc from 'rx-discovery/grpc'
import * as etcd from 'rx-discovery/etcd'
import * as formats from 'rx-discovery/formats'
import * as memory from 'rx-discovery/memory'
import * as nest from 'rx-discovery/nest'
import * as node from 'rx-discovery/node'
import * as otel from 'rx-discovery/otel'
import * as probes from 'rx-discovery/probe'
import * as sse from 'rx-discovery/sse'
import * as testing from 'rx-discovery/testing'
import * as index from 'rx-discovery'
import { githubAnchor } from '../src/edge/cli/doctor/github-anchor.js'

const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...readdirSync('docs').filter(file => file.endsWith('.md')).map(file => join('docs', file))]
/** The text of a page without code, which contains no links. */
const proseOf = (page: string): string => readFileSync(page, 'utf8').replace(/^```[^]*?^```/gm, '').replace(/`[^`\n]*`/g, code => code.replace(/[[\]()]/g, ''))

const anchorsOf = (page: string): readonly string[] => Array.from(proseOf(page).matchAll(/^#+ (.*)$/gm), ([, heading = '']) => githubAnchor(heading))

describe.each(pages)('%s', page => {
  it('has no broken links', () => {
    const broken = Array.from(proseOf(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target).filter(target => {
      if (/^https?:/.test(target)) return false
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      return relative('.', file).startsWith('..') || !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor))
    })
    expect(broken).toEqual([])
  })
})

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts')).map(file => file.replaceAll('\\', '/'))

/** The names in the `export { … } from` and `export type { … } from` of a file. */
const reexported = (file: string): readonly string[] =>
  Array.from(readFileSync(join('src', file), 'utf8').matchAll(/^export (?:type )?\{([^}]*)\} from/gm), ([, list = '']) => list.split(',').map(name => name.trim().replace(/^type /, '').replace(/^.* as /, ''))).flat().filter(Boolean)

it('docs/api.md mentions every public name', () => {
  const reference = readFileSync('docs/api.md', 'utf8')
  const values = [index, angular, board, browser, containers, etcd, formats, memory, nest, node, otel, probes, grpc, sse, testing].flatMap(module => Object.keys(module))
  const types = ['index.ts', ...sources.filter(file => /^edge\/(?!cli)[^/]+\/index\.ts$/.test(file))].flatMap(reexported)
  expect(values.length).toBeGreaterThan(40)
  expect(types).toContain('RegisterOptions')
  expect([...new Set([...values, ...types])].filter(name => !new RegExp(`\`${name}\\b`).test(reference))).toEqual([])
})

describe('docs/architecture.md', () => {
  const page = readFileSync('docs/architecture.md', 'utf8')
  const rows = page.split('\n').filter(line => line.startsWith('|'))
  const quoted = (text: string): readonly string[] => Array.from(text.matchAll(/`([^`]+)`/g), ([, code = '']) => code)
  const filesLike = (path: string): readonly string[] => sources.filter(file => file === path || file.endsWith(`/${path}`))

  it('names each source file of core, of flow and of the etcd edge', () => {
    const named = new Set(rows.flatMap(quoted).map(code => code.replace(/\.ts$/, '')))
    const missing = sources
      .filter(file => /^(?:core|flow|edge\/etcd)\//.test(file) && !file.startsWith('core/balance/policies/'))
      .filter(file => !named.has(file.replace(/^.*\/|\.ts$/g, '')) && !named.has(file.replace(/\.ts$/, '')))
    expect(missing).toEqual([])
  })

  it('names files that exist', () => {
    expect(quoted(page).filter(code => /^[\w/-]+\.ts$/.test(code) && !/^(?:test|docs)\//.test(code) && code !== 'index.ts').filter(path => path !== 'vitest.config.ts' && filesLike(path).length === 0)).toEqual([])
  })

  // In these sections a row names files, and functions in them. The last column of a reading path names other things, too.
  it('names functions that the files of their row contain', () => {
    const sections = page.split(/^## /m).filter(section => /^(?:Where is it|Reading path)/.test(section))
    expect(sections).toHaveLength(3)
    const wrong = sections
      .flatMap(section => section.split('\n').filter(line => line.startsWith('| ')))
      .flatMap(row => {
        const codes = quoted(/^\| \d/.test(row) ? row.split('|').slice(0, 4).join('|') : row)
        const text = codes.filter(code => code.endsWith('.ts')).flatMap(filesLike).map(file => readFileSync(join('src', file), 'utf8')).join('\n')
        return text === '' ? [] : codes.filter(code => /^#?[a-z]\w+$/i.test(code) && !text.includes(code)).map(code => `${code}: ${row.slice(0, 80)}`)
      })
    expect(wrong).toEqual([])
  })
})
