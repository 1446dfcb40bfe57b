import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { builtinModules } from 'node:module'
import { describe, expect, it } from 'vitest'

/** Which foreign modules a room, or an edge, may import. */
const libraries: Readonly<Record<string, RegExp>> = {
  'index.ts': /^(?!)/,
  core: /^(fp-ts|io-ts)$/,
  flow: /^(fp-ts|rxjs)$/,
  'edge/etcd': /^(fp-ts|rxjs|etcd3|@grpc\/grpc-js|node:.+)$/,
  'edge/memory': /^rxjs$/,
  'edge/testing': /^rxjs(\/testing)?$/,
  'edge/probe': /^(fp-ts|rxjs|rxjs\/fetch|node:net)$/,
  'edge/grpc': /^(fp-ts|rxjs|@grpc\/grpc-js)$/,
  'edge/cli': /^(fp-ts|rxjs|commander|node:.+)$/,
}

/** Which other rooms it may import besides itself; an edge that builds on another edge is named here. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'index.ts': ['core', 'flow'],
  core: [],
  flow: ['core'],
  'edge/etcd': ['core', 'flow'],
  'edge/memory': ['core', 'flow'],
  'edge/testing': ['core', 'flow'],
  'edge/probe': ['core', 'flow'],
  'edge/grpc': ['core', 'flow'],
  'edge/cli': ['core', 'flow', 'edge/etcd'],
}

const roomOf = (file: string): string => {
  const [room = '', edge = ''] = file.split('/')
  return room === 'edge' ? `edge/${edge.replace(/\.ts$/, '')}` : room
}

/** Every module a source names: imports, exports from, for their side effects, dynamic, and types. */
const importsOf = (source: string): readonly string[] =>
  [...source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"]+)\1/g)].map(([, , name = '']) => name)

const strays = (file: string, source: string): readonly string[] => {
  const room = roomOf(file)
  return importsOf(source).filter(name => {
    if (!name.startsWith('.')) return libraries[room]?.test(name) !== true
    const target = normalize(join(dirname(file), name))
    return target.startsWith('..') || ![room, ...(rooms[room] ?? [])].includes(roomOf(target.replace(/\.js$/, '.ts')))
  })
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const read = (file: string): string => readFileSync(`src/${file}`, 'utf8')

describe('rooms', () => {
  it.each(files)('%s stays in its room', file => {
    expect(strays(file, read(file)).map(name => `${file} imports ${name}`)).toEqual([])
  })

  it.each([
    ['core/a.ts', "import { of } from 'rxjs'"],
    ['core/a.ts', "import type { Observable } from 'rxjs'"],
    ['core/a.ts', "export * from '../flow/discover.js'"],
    ['core/a.ts', "import 'node:fs'"],
    ['index.ts', "export { memoryRegistry } from './edge/memory/index.js'"],
    ['index.ts', "export { of } from 'rxjs'"],
    ['flow/a.ts', "import { memoryRegistry } from '../edge/memory/index.js'"],
    ['flow/a.ts', "const etcd = await import('etcd3')"],
    ['edge/memory/index.ts', 'import { etcdRegistry } from "../etcd/index.js"'],
    ['edge/etcd/a.ts', "import { memoryRegistry } from '../memory/index.js'"],
    ['edge/memory/a.ts', "import x from '../../../test/arbitraries.js'"],
    ['edge/probe/a.ts', "import { Client } from '@grpc/grpc-js'"],
    ['edge/grpc/a.ts', "import { tcpProbe } from '../probe/tcp.js'"],
  ])('%s may not have: %s', (file, source) => {
    expect(strays(file, source)).toHaveLength(1)
  })
})

describe('what runs in a browser', () => {
  const reached = (file: string, seen = new Set<string>()): ReadonlySet<string> => {
    if (seen.has(file)) return seen
    seen.add(file)
    for (const name of importsOf(read(file)))
      if (name.startsWith('.')) reached(normalize(join(dirname(file), name)).replace(/\.js$/, '.ts'), seen)
      else seen.add(name)
    return seen
  }
  const node = (name: string): boolean => name.startsWith('node:') || builtinModules.includes(name) || /etcd3|grpc/.test(name)

  it.each(['index.ts', 'edge/memory/index.ts', 'edge/testing/index.ts'])('%s reaches nothing of Node', file => {
    expect([...reached(file)].filter(node)).toEqual([])
  })
  it('and the etcd edge does, so that this would be seen', () => {
    expect([...reached('edge/etcd/index.ts')].filter(node)).not.toEqual([])
  })
})

describe('files', () => {
  it.each(files)('%s is at most 200 lines', file => {
    expect(read(file).trimEnd().split('\n').length).toBeLessThanOrEqual(200)
  })
})
