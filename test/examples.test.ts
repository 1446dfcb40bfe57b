import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { bundled } from './etcd/program.js'

const files = readdirSync('examples').filter(file => file.endsWith('.ts'))
const sourceOf = (file: string): string => readFileSync(`examples/${file}`, 'utf8')

const prints: Record<string, readonly string[]> = {
  'balance.ts': ['100 answers by node1 and node2'],
  'blue-green.ts': ['live is blue', 'live is green', 'back to blue'],
  'canary.ts': ['calls to the canary: 5', 'calls to the canary: 50', 'calls to the canary: 0'],
  'catalog.ts': ['no services', 'web 1', 'web 2', 'orders 1, web 2', 'orders 1, web 1', 'orders 1', 'no services'],
  'cold-start.ts': ['live, 1 instance, calls go to node1', 'stale, 1 instance, calls go to node1 (connection refused)'],
  'feature-flag.ts': ['export: new', 'all other calls: new and old'],
  'grpc.ts': ['answers by node1 and node2'],
  'health-and-drain.ts': [
    'registration registering',
    'registration registered',
    'discovered: node1 is starting',
    'discovered: node1 is up',
    'registration registered',
    'discovered: node1 is draining',
    'registration draining',
    'registration revoked',
  ],
  'http-server.ts': ['registering', 'registered', 'draining', '/ready answers 503', 'revoked'],
  'one-off-listing.ts': ['node1 web:8000', 'orders 1', 'web 1'],
  'own-policy.ts': ['a on r1', 'Error: a failed', 'c on r2'],
  'own-format.ts': ['new 10.0.0.7:8080 r2', 'old 10.0.0.5:8080 r1', 'rejected /fleet/web/broken port must be number'],
  'protect.ts': [
    '    0 ms all registered: 8 instances; protected: 8, 0 held',
    '    0 ms all leases expired: 0 instances; protected: 6, 6 held',
    ' 1000 ms registered again: 8 instances; protected: 8, 0 held',
    '30999 ms all have left: 0 instances; protected: 6, 6 held',
    '31000 ms grace has passed: 0 instances; protected: 0, 0 held',
  ],
  'probing.ts': [
    '0 ms node0 up, node2 up, node5 up',
    '26000 ms node0 up, node2 down, node5 up',
    '35020 ms node0 up, node2 up, node5 up',
    'clients per instance: 521 504 482 473 508 512',
  ],
  'quick-start.ts': [
    'joined node1 localhost:8000',
    'node2 is registering',
    'node2 is registered',
    'joined node2 localhost:8001',
    'updated node2 localhost:8001',
    'node2 is registered',
    'left node1 localhost:8000',
    'left node2 localhost:8001',
  ],
  'rolling-update.ts': ['new-1 new-2 old-1 old-2 answered'],
  'sidecar.ts': ['absent', 'starting', 'up', 'down', 'up', 'draining', 'absent'],
  'several-clusters.ts': ['answered by near', 'answered by far'],
  'would-it-have-helped.ts': ['as it was 118', 'with outlier detection 39', 'and with protect 5', 'and with a retry 0'],
  'virtual-time.ts': [
    '     0 ms pending 0',
    '     0 ms live 0',
    '     0 ms node is registering',
    '     0 ms live 1',
    ' 14996 ms node is lost',
    ' 15000 ms stale 1',
    ' 70000 ms live 0',
    ' 70000 ms node is lost',
    ' 70050 ms node is registering',
    ' 70050 ms live 1',
    ' 71000 ms live 0',
    ' 71000 ms leases left: 0',
  ],
  'zone-failover.ts': ['calls stay in the zone: a and b', 'the zone is gone: c', 'the zone is back: d'],
  'two-formats.ts': ['3 /rx-discovery/web/both', '3 /web/both', '2 /web/old', 'both localhost:8001 2', 'old localhost:8000 '],
}

/** Lines of a stream that does not wait for the other one: only the order within each is certain. */
const apart: Record<string, RegExp> = { 'health-and-drain.ts': /^registration /, 'quick-start.ts': /^node2 is / }

describe.each(files)('examples/%s', file => {
  it('has at most 40 lines', () => {
    expect(sourceOf(file).trimEnd().split('\n').length).toBeLessThanOrEqual(40)
  })
  it('prints the expected lines and ends by itself', { timeout: 30_000 }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [bundled(`examples/${file}`)], { timeout: 20_000 })
    const isApart = (line: string): boolean => apart[file]?.test(line) ?? false
    const streams = (lines: readonly string[] = []) => [lines.filter(isApart), lines.filter(line => !isApart(line))]
    expect(streams(stdout.split('\n').slice(0, -1))).toEqual(streams(prints[file]))
  })
})

/** The pages that name each folder, and by what. */
const named: Readonly<Record<string, { readonly by: string; readonly on: readonly string[] }>> = {
  containers: { by: 'examples/containers/outage.test.ts', on: ['docs/testing.md'] },
  demo: { by: 'npm run demo ', on: ['README.md'] },
  'demo-web': { by: 'npm run demo:web', on: ['README.md', 'docs/angular.md', 'docs/browser.md', 'docs/nest.md'] },
  dashboard: { by: 'examples/dashboard', on: ['README.md', 'docs/angular.md'] },
  gateway: { by: 'examples/gateway', on: ['README.md', 'docs/nest.md'] },
}

const folders = readdirSync('examples', { withFileTypes: true }).flatMap(entry => (entry.isDirectory() ? [entry.name] : []))

it('each folder of examples is named where a reader would look for it', () => {
  expect(Object.keys(named).sort()).toEqual(folders.sort())
  for (const { by, on } of Object.values(named)) for (const page of on) expect(readFileSync(page, 'utf8'), page).toContain(by)
})

it.each(['dashboard', 'gateway'])('examples/%s imports nothing but packages and its own files, so that it can be copied', folder => {
  const imports = readdirSync(`examples/${folder}`).flatMap(file => [...readFileSync(`examples/${folder}/${file}`, 'utf8').matchAll(/from '(.+)'/g)].map(([, name = '']) => name))
  expect(imports).toContainEqual(expect.stringMatching(/^rx-discovery\//))
  expect(imports.filter(name => name.startsWith('..') || name.startsWith('#'))).toEqual([])
})

it.each(readdirSync('docs').filter(page => page.endsWith('.md')))('the README links docs/%s', page => {
  expect(readFileSync('README.md', 'utf8')).toContain(`](docs/${page}`)
})

const pages = ['README.md', ...readdirSync('docs').filter(page => page.endsWith('.md')).map(page => `docs/${page}`)]

describe.each(pages)('%s', page => {
  const text = readFileSync(page, 'utf8')
  const blocks = [...text.matchAll(/```ts\n\/\/ examples\/(.+\.ts)\n([\s\S]*?)```/g)].map(([, file = '', code = '']) => ({ file, code }))
  const links = [...text.matchAll(/\]\(((?!http)[^)#]+)/g)].map(([, link = '']) => link)
  it('contains the examples unchanged', () => {
    for (const { file, code } of blocks) expect(code).toBe(sourceOf(file))
  })
  it('has no broken links', () => {
    for (const link of links) expect(existsSync(new URL(link, new URL(page, pathToFileURL(`${process.cwd()}/`)))), link).toBe(true)
  })
})

it('the README contains the quick start', () => {
  expect(readFileSync('README.md', 'utf8')).toContain(sourceOf('quick-start.ts'))
})
