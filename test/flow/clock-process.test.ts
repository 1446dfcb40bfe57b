import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'clock-'))
const library = join(folder, 'library.mjs')

beforeAll(() => {
  buildSync({
    stdin: { contents: "export * from './src/index.ts'; export * from './src/edge/memory/index.ts'; export { BehaviorSubject, NEVER, lastValueFrom, of, throwError } from 'rxjs'", resolveDir: process.cwd() },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: library,
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a Node process prints before it ends by itself; `undefined` if it is still alive after `limit` ms. */
const ended = (program: string, limit = 20_000): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const source = `
      import { BehaviorSubject, NEVER, balance, discover, lastValueFrom, memoryRegistry, of, probe, protect, register, roundRobin, serviceInstance, serviceSet, throwError } from ${JSON.stringify(library)}
      const registry = memoryRegistry()
      const node = id => serviceInstance({ service: 'web', id, address: id + ':1' })
      const sets = new BehaviorSubject(serviceSet('web', ['a', 'b', 'c', 'd'].map(node)))
      ${program}
      console.log('begun')`
    execFile(process.execPath, ['--input-type=module', '-e', source], { timeout: limit, killSignal: 'SIGKILL' }, (error, output) => {
      if (error === null) resolve(output)
      else if (error.killed === true) resolve(undefined)
      else reject(new Error(error.message, { cause: error }))
    })
  })

describe('a Node process', () => {
  it.each([
    ['a discovery, verified each minute', "discover(registry, 'web').subscribe()"],
    ['the `linger` of a discovery', "discover(registry, 'web', { linger: 60_000 }).subscribe().unsubscribe()"],
    ['the `coalesce` of a discovery', "discover(registry, 'web', { coalesce: 60_000 }).subscribe()"],
    ['the state of a balancer', "balance(discover(registry, 'web'), roundRobin()).state$.subscribe()"],
    ['the `linger` of a balancer', 'balance(sets, roundRobin(), { linger: 60_000 }).use(() => of(1)).subscribe()'],
    ['an ejection', "balance(sets, roundRobin(), { outliers: { consecutive: 1 } }).use(() => throwError(() => new Error())).subscribe({ error: () => {} })"],
    ['the grace of `protect`', "sets.pipe(protect({ grace: 60_000 })).subscribe(); sets.next(serviceSet('web', []))"],
    ['the interval of `probe`', 'sets.pipe(probe(() => of(true), { interval: 60_000 })).subscribe()'],
    ['a registration that has ended', "register(registry, node('a')).subscribe().unsubscribe()"],
  ])('is not kept alive by %s', async (_, program) => {
    expect(await ended(program)).toBe('begun\n')
  })

  it('is kept alive by a registration', async () => {
    expect(await ended("register(registry, node('a'), { ttl: 1 }).subscribe()", 5_000)).toBeUndefined()
  })

  it('is kept alive by a call that waits for an instance, until that has failed', async () => {
    const program = "lastValueFrom(balance(discover(registry, 'web'), roundRobin(), { wait: 500 }).use(() => of(1))).catch(({ message }) => console.log(message))"
    expect(await ended(program)).toBe('begun\nno instance of web is registered\n')
  })

  it('is kept alive by a call with a timeout, until that has passed', async () => {
    const program = "lastValueFrom(balance(sets, roundRobin()).use(() => NEVER, { timeout: 500 })).catch(({ name }) => console.log(name))"
    expect(await ended(program)).toBe('begun\nTimeoutError\n')
  })

  it('is kept alive by a discovery during an outage, since it would be by its connection otherwise', async () => {
    expect(await ended("discover(registry, 'web').subscribe(); registry.interrupt(60_000)", 5_000)).toBeUndefined()
  })
})
