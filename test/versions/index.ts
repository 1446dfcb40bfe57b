// Runs the tests with every supported version of etcd, of Node and of grpc-js, one after the other: `npm run test:versions`, or with `-- etcd`, `-- etcd 3.6`, `-- node 22`, `-- grpc 1.12` for some of them.
import { table } from '../../bench/results-table.js'
import { etcdBinary, versionOf } from './etcd-binary.js'
import { grpcJs } from './grpc-js.js'
import { nodeBinary } from './node-binary.js'
import { suite, type Outcome } from './suite.js'

interface Row {
  readonly name: string
  readonly outcomes: readonly Outcome[]
}

/** The tests that depend on the version of etcd. */
const aboutEtcd = ['contract', 'etcd-grpc-proxy', 'byte-keys', 'list', 'watch', 'history', 'lease', 'put', 'restarts', 'connection', 'learner', 'tokens', 'alarms', 'chaos']
/** The tests with etcd that depend on the version of Node; the unit tests run as well. */
const aboutNode = ['contract', 'exit']

const log = (line: string): void => console.log(line)
const files = (names: readonly string[]): readonly string[] => ['--project', 'etcd', '--project', 'chaos', ...names.map(name => `test/etcd/${name}.test.ts`)]

const kinds: Readonly<Record<string, { readonly versions: readonly string[]; readonly run: (version: string) => Promise<Row> }>> = {
  etcd: {
    versions: ['3.4', '3.5', '3.6', '3.7'],
    run: async version => {
      const etcd = await etcdBinary(version, log)
      const outcome = await suite(process.execPath, etcd, files(aboutEtcd))
      return { name: `etcd ${await versionOf(etcd)}`, outcomes: [outcome] }
    },
  },
  node: {
    versions: ['20', '22.23.3', '24.21.0'],
    run: async version => {
      const [node, etcd] = [await nodeBinary(version, log), await etcdBinary('3.4', log)]
      const outcomes = [await suite(node, etcd, files(aboutNode)), await suite(node, etcd, ['--project', 'unit', '--project', 'edge'])]
      return { name: `Node ${version}`, outcomes }
    },
  },
  grpc: {
    versions: ['1.10.0', '1.10', '1.11', '1.12', '1.13', 'latest'],
    run: async version => {
      const [{ main, exact }, etcd] = [await grpcJs(version, log), await etcdBinary('3.4', log)]
      const env = { GRPC_JS: main }
      const outcomes = [await suite(process.execPath, etcd, ['--project', 'edge', 'test/edge/grpc'], env)]
      // Up to 1.11 grpc-js may report CANCELLED for a connection that broke, which its retries do not repeat.
      if (!/^1\.1[01]\./.test(exact)) outcomes.push(await suite(process.execPath, etcd, files(['grpc']), env))
      return { name: `grpc-js ${exact}`, outcomes }
    },
  },
}

const [kind, version, ...more] = process.argv.slice(2)
if ((kind !== undefined && !Object.hasOwn(kinds, kind)) || more.length > 0) throw new Error(`arguments must be etcd, node or grpc and at most one version, got "${process.argv.slice(2).join(' ')}" (usage: npm run test:versions -- [etcd [3.6 | 3.6.16] | node [22 | 22.23.3] | grpc [1.12 | latest]])`)

const rows: Row[] = []
for (const [name, { versions, run }] of Object.entries(kinds))
  if (kind === undefined || kind === name)
    for (const each of version === undefined ? versions : [version])
      rows.push(
        await run(each).catch((error: unknown): Row => {
          console.error(error instanceof Error ? error.message : error)
          return { name: `${name} ${each}, not available`, outcomes: [{ passed: 0, failed: 1, skipped: 0, seconds: 0 }] }
        }),
      )

const total = (outcomes: readonly Outcome[], of: keyof Outcome): number => outcomes.reduce((sum, outcome) => sum + outcome[of], 0)
const columns = ['passed', 'failed', 'skipped', 'seconds'] as const
table('Versions', [['', ...columns], ...rows.map(({ name, outcomes }) => [name, ...columns.map(column => String(total(outcomes, column)))])])
if (rows.some(({ outcomes }) => total(outcomes, 'failed') > 0)) process.exitCode = 1
