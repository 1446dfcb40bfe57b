import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url))
const alias = [
  { find: /^rx-discovery$/, replacement: src('index.ts') },
  { find: /^rx-discovery\/(angular|browser|etcd|formats|grpc|memory|nest|node|probe|sse|testing)$/, replacement: src('edge/$1/index.ts') },
  // The version suite runs the tests of gRPC with other versions of it.
  ...(process.env['GRPC_JS'] === undefined ? [] : [{ find: /^@grpc\/grpc-js$/, replacement: process.env['GRPC_JS'] }]),
  { find: /^#internal\/(.*)$/, replacement: src('$1.ts') },
]

const withEtcd = {
  globalSetup: ['test/etcd/setup.ts'],
  setupFiles: ['test/etcd/setup-file.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    reporters: ['default', './test/reporter.ts'],
    // The default is one worker less than processors, but most of these tests wait for etcd.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/etcd/**', 'test/interop/**'],
          // Histories and properties take much CPU time, and longer on a busy machine.
          testTimeout: 60_000,
          typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
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
          ...withEtcd,
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
