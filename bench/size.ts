import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
import { bound, compare } from './ratios.js'
import { median, milliseconds, table } from './results-table.js'

const libraries = ['rxjs', 'fp-ts', 'io-ts']
const kilobytes = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} kB`

const bundled = async (code: string, external: readonly string[], minify: boolean): Promise<Uint8Array> => {
  const outside: Plugin = {
    name: 'outside',
    setup: builder => {
      builder.onResolve({ filter: /^[^./]/ }, ({ path }) => (external.some(name => path === name || path.startsWith(`${name}/`)) ? { path, external: true } : undefined))
    },
  }
  const { outputFiles } = await build({ stdin: { contents: code, resolveDir: '.', loader: 'ts' }, bundle: true, minify, format: 'esm', platform: 'neutral', mainFields: ['module', 'main'], plugins: [outside], write: false, logLevel: 'warning' })
  return outputFiles[0]?.contents ?? new Uint8Array()
}
const size = async (code: string, external: readonly string[]): Promise<number> => gzipSync(await bundled(code, external, true)).length

/** How long (ms) Node takes to import a module, without the time to start. */
const imported = (url: string): readonly number[] => {
  const run = (code: string): number => {
    const began = performance.now()
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    return performance.now() - began
  }
  return Array.from({ length: 9 }, () => run(`await import(${JSON.stringify(url)})`) - run('')).slice(2)
}

/** The size of bundles, and the time to import the package. */
export const measureSize = async (): Promise<void> => {
  const rows = await Promise.all(
    (
      [
        ['`.`, all of it', "export * from './src/index.js'"],
        ['`.`, register and discover', "export { register, discover } from './src/index.js'"],
        ['`.`, discover alone', "export { discover } from './src/index.js'"],
        ['`.`, discover, balance, peakEwma', "export { discover, balance, peakEwma } from './src/index.js'"],
      ] as const
    ).map(async ([name, code]) => [name, await size(code, libraries), await size(code, ['rxjs'])] as const),
  )
  table('Size, minified and gzipped', [['', 'own code', 'with fp-ts and io-ts'], ...rows.map(([name, own, all]) => [name, kilobytes(own), kilobytes(all)])])
  const [, both] = rows
  bound({ what: 'own code in a bundle of `register` and `discover`', measured: [both?.[1] ?? NaN], unit: kilobytes, most: 17_000 })

  const dir = mkdtempSync('node_modules/.cache/size-')
  try {
    const outdir = resolve(dir)
    await build({ entryPoints: { index: 'src/index.ts', etcd: 'src/edge/etcd/index.ts' }, outdir, outExtension: { '.js': '.mjs' }, bundle: true, packages: 'external', format: 'esm', platform: 'node', logLevel: 'warning' })
    const times = { rxjs: imported('rxjs'), 'rx-discovery': imported(join(outdir, 'index.mjs')), 'rx-discovery/etcd': imported(join(outdir, 'etcd.mjs')), etcd3: imported('etcd3') }
    table('Time to import, in a new process', [['', 'median'], ...Object.entries(times).map(([name, all]) => [name, milliseconds(median(all))])])
    compare({ what: 'import of rx-discovery', ours: times['rx-discovery'], beside: 'rxjs, which it imports', theirs: times.rxjs, unit: milliseconds, goal: { most: 2 } })
    compare({ what: 'import of rx-discovery/etcd', ours: times['rx-discovery/etcd'], beside: 'etcd3, which it imports', theirs: times.etcd3, unit: milliseconds })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
