import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as grpc from 'rx-discovery/grpc'
import * as etcd from 'rx-discovery/etcd'
import * as memory from 'rx-discovery/memory'
import * as nest from 'rx-discovery/nest'
import * as node from 'rx-discovery/node'
import * as probes from 'rx-discovery/probe'
import * as testing from 'rx-discovery/testing'
import * as index from 'rx-discovery'

const pages = ['README.md', ...readdirSync('docs').filter(file => file.endsWith('.md')).map(file => join('docs', file))]
/** The text of a page without code, which contains no links. */
const proseOf = (page: string): string => readFileSync(page, 'utf8').replace(/^```[^]*?^```/gm, '').replace(/`[^`\n]*`/g, code => code.replace(/[[\]()]/g, ''))

/** The anchor that GitHub gives to a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
const anchorsOf = (page: string): readonly string[] => Array.from(proseOf(page).matchAll(/^#+ (.*)$/gm), ([, heading = '']) => anchorOf(heading))

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

it('docs/api.md mentions every public name', () => {
  const reference = readFileSync('docs/api.md', 'utf8')
  const names = [index, etcd, memory, nest, node, probes, grpc, testing].flatMap(module => Object.keys(module))
  expect(names.length).toBeGreaterThan(40)
  expect(names.filter(name => !new RegExp(`\`${name}\\b`).test(reference))).toEqual([])
})
