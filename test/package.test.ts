import { build } from 'esbuild'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'

/** Bundles a source file for browsers. Rejects if it imports a module of Node. */
const bundle = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'bundled',
    write: false,
    logLevel: 'silent',
  })
  return outputFiles.map(({ text }) => text).join('')
}

// Globals of a browser that an empty context lacks; without `process`, `Buffer` and `require`.
const browser = (more: object = {}): object => ({ setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, performance, crypto, AbortController, TextEncoder, ...more })

describe('in a browser', () => {
  it.each(['src/index.ts', 'src/edge/browser/index.ts', 'src/edge/formats/index.ts', 'src/edge/memory/index.ts'])('%s can be bundled and loaded without Node', async entry => {
    const bundled = runInNewContext(`${await bundle(entry)}; bundled`, browser()) as object
    expect(Object.keys(bundled)).not.toEqual([])
  })

  it.each(['src/edge/containers/index.ts', 'src/edge/etcd/index.ts', 'src/edge/otel/index.ts'])('%s cannot be bundled', async entry => {
    await expect(bundle(entry)).rejects.toThrow(/Could not resolve/)
  })

  it.each([
    ['no process', {}],
    ['the process of a bundler', { process: { env: {}, nextTick: queueMicrotask } }],
    ['a process without this module', { process: { getBuiltinModule: () => undefined } }],
  ])('with %s, nothing is published, and nothing breaks', async (_, globals) => {
    const bundled = runInNewContext(`${await bundle('test/browser-balance.program.ts')}; bundled`, browser(globals)) as { readonly answer: Promise<unknown> }
    expect(await bundled.answer).toBe('a')
  })
})
