import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import Interleaved from './test/interleaved.js'

const src = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url))
const alias = [
  { find: /^rx-discovery$/, replacement: src('index.ts') },
  { find: /^rx-discovery\/(angular|board|browser|containers|etcd|formats|grpc|memory|nest|node|otel|probe|sse|testing)$/, replacement: src('edge/$1/index.ts') },
  // The version suite runs the tests of gRPC with other versions of it.
  ...(process.env['GRPC_JS'] === undefined ? [] : [{ find: /^@grpc\/grpc-js$/, replacement: process.env['GRPC_JS'] }]),
  { find: /^#internal\/(.*)$/, replacement: src('$1.ts') },
]

const withoutEtcd = {
  // Histories and properties take much CPU time, and longer on a busy machine.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  setupFiles: ['test/yielding.ts'],
}

const withEtcd = {
  globalSetup: ['test/etcd/setup.ts'],
  setupFiles: ['test/etcd/setup-file.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    reporters: ['default', './test/reporter.ts'],
    // The default is one worker less than processors, but most of the tests with etcd wait.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: Interleaved },
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['test/{core,flow}/**/*.test.ts'],
          ...withoutEtcd,
          // These rooms keep nothing in modules or globals, and files that share modules take half of the CPU time.
          isolate: false,
          // The faster of the two compilers that `npm run typecheck` runs.
          typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json', checker: './node_modules/typescript-7/bin/tsc' },
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'edge',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{core,flow,etcd,interop,containers,site}/**'],
          ...withoutEtcd,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'etcd',
          include: ['test/etcd/**/*.test.ts'],
          exclude: ['test/etcd/chaos.test.ts'],
          ...withEtcd,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'chaos',
          include: ['test/etcd/chaos.test.ts'],
          // Runs after all others, alone: its clusters have to elect a leader in time, and to keep it.
          sequence: { groupOrder: 1 },
          // Rows mostly wait, and each has an etcd of its own.
          maxConcurrency: 2,
          ...withEtcd,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'containers',
          include: ['test/containers/**/*.test.ts', 'examples/containers/**/*.test.ts'],
          globalSetup: ['test/containers/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'site',
          include: ['test/site/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 600_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          ...withEtcd,
        },
      },
    ],
  },
})
