import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The foreign modules that a room, or an edge, may import. */
const libraries: Readonly<Record<string, RegExp>> = {
  'index.ts': /^(?!)/,
  core: /^(fp-ts|io-ts)$/,
  flow: /^(fp-ts|rxjs)$/,
  'edge/angular': /^(rxjs|@angular\/(core|common|common\/http))$/,
  'edge/board': /^(fp-ts|rxjs|lit|lit\/directives\/.+)$/,
  'edge/browser': /^(fp-ts|rxjs|eventsource-parser)$/,
  'edge/containers': /^(testcontainers|node:.+)$/,
  'edge/etcd': /^(fp-ts|rxjs|etcd3|@grpc\/grpc-js|node:.+)$/,
  'edge/formats': /^(?!)/,
  'edge/memory': /^rxjs$/,
  'edge/nest': /^(rxjs|@nestjs\/(common|core)|node:.+)$/,
  'edge/node': /^(rxjs|node:.+)$/,
  'edge/otel': /^(rxjs|@opentelemetry\/api|node:diagnostics_channel)$/,
  'edge/sse': /^(rxjs|node:http)$/,
  'edge/testing': /^rxjs(\/testing)?$/,
  'edge/probe': /^(fp-ts|rxjs|rxjs\/fetch|node:net)$/,
  'edge/grpc': /^(fp-ts|rxjs|@grpc\/grpc-js|node:stream)$/,
  'edge/cli': /^(fp-ts|rxjs|commander|node:.+)$/,
}

/** The rooms that it may import besides itself; an edge that builds on another edge is named here. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'index.ts': ['core', 'flow'],
  core: [],
  flow: ['core'],
  'edge/angular': ['index.ts', 'core', 'flow', 'edge/browser'],
  'edge/board': ['index.ts', 'core', 'flow', 'edge/browser'],
  'edge/browser': ['core', 'flow'],
  'edge/containers': ['core'],
  'edge/etcd': ['core', 'flow'],
  'edge/formats': ['core'],
  'edge/memory': ['core', 'flow'],
  'edge/nest': ['index.ts', 'core', 'flow', 'edge/etcd', 'edge/node', 'edge/sse'],
  'edge/node': ['core', 'flow'],
  'edge/otel': ['core', 'flow'],
  'edge/sse': ['core', 'flow'],
  'edge/testing': ['core', 'flow'],
  'edge/probe': ['core', 'flow'],
  'edge/grpc': ['core', 'flow'],
  'edge/cli': ['core', 'flow', 'edge/etcd', 'edge/node', 'edge/probe', 'edge/sse', 'edge/testing'],
}

/** Files over 250 lines, each with the reason why it is one idea that does not end earlier. */
const long: Readonly<Record<string, string>> = {
  'edge/board/rx-discovery-board.ts': 'one element: what it follows, what is selected and what a frame is made from are one state',
  'flow/registration/reconcile.ts': 'one loop: each step depends on the state that all of them share',
}

/** Names that several files share, though they are not the pure half and the streaming half of one thing, each with the reason. */
const shared: Readonly<Record<string, string>> = {}

/** Names that several files export, or give to a class, each with the reason. */
const doubled: Readonly<Record<string, string>> = {}

/** Tests that are not named like a source, each with the reason. */
const oddlyNamed: Readonly<Record<string, string>> = {}

const roomOf = (file: string): string => {
  const [room = '', edge = ''] = file.split('/')
  return room === 'edge' ? `edge/${edge.replace(/\.ts$/, '')}` : room
}

/** Every module that a source names: in imports and re-exports, static or dynamic, of values and of types. */
const importsOf = (source: string): readonly string[] =>
  [...source.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])([^'"\n]+)\1/g)].map(([, , name = '']) => name)

/** Edges whose ES modules are loaded as such by Node, so that they reach everything outside of themselves by a name of the package: by a path they would get a second copy. */
const apart: ReadonlySet<string> = new Set(['edge/angular', 'edge/board', 'edge/nest'])

/** The file of ours that an import names: by its path, by a name of the package, or by one of its `imports`. */
const targetOf = (file: string, name: string): string | undefined => {
  if (name.startsWith('.')) return normalize(join(dirname(file), name)).replace(/\.js$/, '.ts')
  if (name.startsWith('#internal/')) return name.replace(/^#internal\/(.*)$/, '$1.ts')
  return /^rx-discovery(\/|$)/.test(name) ? name.replace(/^rx-discovery\/(.*)$/, 'edge/$1/index.ts').replace(/^rx-discovery$/, 'index.ts') : undefined
}

/** The imports that leave the room of a file. */
const strays = (file: string, source: string): readonly string[] => {
  const room = roomOf(file)
  return importsOf(source).filter(name => {
    const target = targetOf(file, name)
    if (target === undefined) return libraries[room]?.test(name) !== true
    const isInside = roomOf(target) === room
    if (apart.has(room) ? isInside !== name.startsWith('.') : !name.startsWith('.')) return true
    return target.startsWith('..') || (!isInside && rooms[room]?.includes(roomOf(target)) !== true)
  })
}

const sources = (folder: string): readonly string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const files = sources('src')
const read = (file: string): string => readFileSync(`src/${file}`, 'utf8')
const nameOf = (file: string): string => basename(file, '.ts')

/** The files of ours that a file imports, types included. */
const neighbours = (file: string, source: string): readonly string[] =>
  importsOf(source).map(name => targetOf(file, name)).filter(target => target !== undefined)

/** Import circles as text, one for each import that closes one. */
const circles = (graph: ReadonlyMap<string, readonly string[]>): readonly string[] => {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    else if (!done.has(file)) {
      for (const next of graph.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}

describe('rooms', () => {
  it.each(files)('%s stays in its room', file => {
    expect(strays(file, read(file)).map(name => `${file} imports ${name}`)).toEqual([])
  })

  it.each([
    ['core/a.ts', "import { of } from 'rxjs'"],
    ['core/a.ts', "import type { Observable } from 'rxjs'"],
    ['core/a.ts', "export * from '../flow/discovery/discover.js'"],
    ['core/a.ts', "import 'node:fs'"],
    ['index.ts', "export { memoryRegistry } from './edge/memory/index.js'"],
    ['index.ts', "export { of } from 'rxjs'"],
    ['flow/a.ts', "import { memoryRegistry } from '../edge/memory/index.js'"],
    ['flow/a.ts', "const etcd = await import('etcd3')"],
    ['edge/memory/index.ts', 'import { etcdRegistry } from "../etcd/index.js"'],
    ['edge/etcd/lease/a.ts', "import { memoryRegistry } from '../../memory/index.js'"],
    ['edge/memory/a.ts', "import x from '../../../test/arbitraries.js'"],
    ['edge/probe/a.ts', "import { Client } from '@grpc/grpc-js'"],
    ['edge/grpc/a.ts', "import { tcpProbe } from '../probe/tcp-probe.js'"],
    ['edge/angular/a.ts', "import { balance } from '../../index.js'"],
    ['edge/angular/a.ts', "import { sseHandler } from 'rx-discovery/sse'"],
    ['edge/board/a.ts', "import { sseRegistry } from '../browser/index.js'"],
    ['edge/board/a.ts', "import { etcdRegistry } from 'rx-discovery/etcd'"],
    ['edge/nest/a.ts', "import { register } from '../../index.js'"],
    ['edge/nest/a.ts', "import { AppLifecycle } from '#internal/edge/nest/app-lifecycle'"],
    ['edge/nest/a.ts', "import { tcpProbe } from 'rx-discovery/probe'"],
    ['edge/grpc/a.ts', "import { register } from 'rx-discovery'"],
    ['edge/unknown/a.ts', "import { of } from 'rxjs'"],
  ])('%s may not have: %s', (file, source) => {
    expect(strays(file, source)).toHaveLength(1)
  })
})

describe('browsers', () => {
  const reached = (file: string, seen = new Set<string>()): ReadonlySet<string> => {
    if (seen.has(file)) return seen
    seen.add(file)
    for (const name of importsOf(read(file)).filter(name => targetOf(file, name) === undefined)) seen.add(name)
    for (const next of neighbours(file, read(file))) reached(next, seen)
    return seen
  }
  const node = (name: string): boolean => name.startsWith('node:') || builtinModules.includes(name) || /etcd3|@grpc/.test(name)

  it.each(['index.ts', 'edge/angular/index.ts', 'edge/board/index.ts', 'edge/browser/index.ts', 'edge/formats/index.ts', 'edge/memory/index.ts', 'edge/testing/index.ts'])('%s reaches nothing of Node', file => {
    expect([...reached(file)].filter(node)).toEqual([])
  })
  it('the etcd edge reaches Node, so this check can fail', () => {
    expect([...reached('edge/etcd/index.ts')].filter(node)).not.toEqual([])
  })
})

describe('imports', () => {
  it('form no circle, types included', () => {
    expect(circles(new Map(files.map(file => [file, neighbours(file, read(file))])))).toEqual([])
  })
  it.each([
    [{ a: ['b'], b: ['a'] }, ['a -> b -> a']],
    [{ a: ['b', 'c'], b: ['c'], c: ['d'], d: ['b'] }, ['b -> c -> d -> b']],
    [{ a: ['a'] }, ['a -> a']],
    [{ a: ['b', 'c'], b: ['c'], c: [] }, []],
  ])('of %j form the circles %j', (graph, expected) => {
    expect(circles(new Map(Object.entries(graph)))).toEqual(expected)
  })
  it('of types count', () => {
    expect(neighbours('flow/a.ts', "import type { B } from './b.js'\nexport type { C } from '../core/c.js'")).toEqual(['flow/b.ts', 'core/c.ts'])
  })
})

describe('files', () => {
  it('over 250 lines have a reason, and only those', () => {
    const over = files.filter(file => read(file).trimEnd().split('\n').length > 250)
    expect(over.sort()).toEqual(Object.keys(long).sort())
  })

  it('share a name only if one is the pure half of the other, in core and in flow', () => {
    const byName = new Map<string, readonly string[]>()
    for (const file of files.filter(file => nameOf(file) !== 'index')) byName.set(nameOf(file), [...(byName.get(nameOf(file)) ?? []), file])
    const halves = (of: readonly string[]): boolean => of.length === 2 && of.some(file => file.startsWith('core/')) && of.some(file => file.startsWith('flow/'))
    const clashes = [...byName].filter(([, of]) => of.length > 1 && !halves(of)).map(([name]) => name)
    expect(clashes.sort()).toEqual(Object.keys(shared).sort())
  })
})

describe('names', () => {
  /** The classes of a source, and what it exports. */
  const namesOf = (source: string): ReadonlySet<string> =>
    new Set([...source.matchAll(/^(?:export (?:abstract )?(?:const|function|class|interface|type|enum)|class) (\w+)/gm)].map(([, name = '']) => name))

  it('are exported, or given to a class, by one file each', () => {
    const all = files.flatMap(file => [...namesOf(read(file))])
    expect([...new Set(all.filter((name, index) => all.indexOf(name) !== index))].sort()).toEqual(Object.keys(doubled).sort())
  })
})

describe('tests', () => {
  const tests = ['core', 'flow', 'edge'].flatMap(room => sources(`test/${room}`).map(file => `${room}/${file}`)).filter(file => file.endsWith('.test.ts'))
  /** The names that a test in this folder may start with: its sources, and the folder itself. */
  const subjects = (folder: string): readonly string[] => [basename(folder), ...files.filter(file => dirname(file) === folder).map(nameOf)]
  const isNamedLikeSource = (test: string): boolean => {
    const name = basename(test, '.test.ts')
    return files.some(file => file.startsWith(`${dirname(test)}/`)) && subjects(dirname(test)).some(subject => name === subject || name.startsWith(`${subject}-`))
  }

  it('lie in the folder of their source and are named like it, with an aspect if need be', () => {
    expect(tests.filter(test => !isNamedLikeSource(test)).sort()).toEqual(Object.keys(oddlyNamed).sort())
  })
  it.each(['flow/registry-of-nothing/a.test.ts', 'flow/clocks.test.ts', 'core/clock.test.ts'])('%s would be found', test => {
    expect(isNamedLikeSource(test)).toBe(false)
  })
})
