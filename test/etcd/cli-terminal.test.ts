import { spawn, spawnSync } from 'node:child_process'
import { expect, it, vi } from 'vitest'
import { commandLine, freshPrefix, sharedClient, sharedEndpoint } from './command-line.js'
import { own } from './own.js'

const columns = 60
/** `script` of util-linux gives a program a terminal. Without it, a preloaded script marks the output as a terminal. */
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout.includes('util-linux')

/** Starts the program on a terminal. `interrupt` is Ctrl-C. */
const onTerminal = (argv: readonly string[], env: NodeJS.ProcessEnv) => {
  const command = [process.execPath, commandLine, ...argv]
  const preload = `data:text/javascript,${encodeURIComponent(`Object.assign(process.stdout, { isTTY: true, columns: ${columns}, rows: 8, getColorDepth: () => 8 })`)}`
  const child = spawn(
    hasScript ? 'script' : process.execPath,
    hasScript ? ['-qfec', `stty cols ${columns} rows 8; exec ${command.map(word => `'${word}'`).join(' ')}`, '/dev/null'] : ['--import', preload, ...command.slice(1)],
    { env: { PATH: process.env['PATH'], SHELL: '/bin/sh', ETCD_ENDPOINTS: sharedEndpoint(), TERM: 'xterm-256color', ...env }, stdio: 'pipe' },
  )
  const ended = new Promise<number | NodeJS.Signals | null>(resolve => child.once('close', (code, signal) => resolve(code ?? signal)))
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()))
  own(child, async process_ => {
    process_.kill('SIGKILL')
    await ended
  })
  return {
    ended,
    printed: () => out,
    until: (text: string) => vi.waitUntil(() => out.includes(text), { timeout: 50_000, interval: 10 }).catch(() => expect(out).toContain(text)),
    interrupt: () => (hasScript ? child.stdin.write('\x03') : child.kill('SIGINT')),
  }
}

it.each<readonly [string, NodeJS.ProcessEnv, boolean]>([
  ['with colours', {}, true],
  ['without colours by NO_COLOR', { NO_COLOR: '1' }, false],
])('watch on a terminal is a table that fits, %s, and Ctrl-C restores the terminal', async (_, env, isColoured) => {
  const [prefix, client] = [freshPrefix(), sharedClient()]
  const put = (service: string, id: string, status: string) => client.put(`${prefix}/${service}/${id}`).value(JSON.stringify({ address: 'a-host-with-a-long-name.internal:8000', status }))
  await put('web', 'a', 'up')
  const watching = onTerminal(['watch', '--prefix', prefix], env)
  await watching.until('1 service, 1 instance')
  await put('web', 'b', 'down')
  await watching.until('1 service, 2 instances')
  watching.interrupt()
  expect(await watching.ended).toBe(0)
  const printed = watching.printed()
  expect(printed).toContain('\x1b[?1049h\x1b[?25l')
  const [frames = '', after = ''] = printed.split('\x1b[?7h\x1b[?25h\x1b[?1049l')
  expect(frames.includes('\x1b[31mdown')).toBe(isColoured)
  // eslint-disable-next-line no-control-regex -- colours
  const lines = after.replace(/\x1b\[\d+m/g, '').split(/\r*\n/)
  expect(lines.slice(0, 3)).toEqual([expect.stringContaining('1 service, 2 instances: 1 up, 1 down'), expect.stringContaining('SERVICE  ID  ADDRESS'), expect.stringContaining('web      a   a-host-with')])
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(columns)
  await client.delete().prefix(prefix)
})

it('on a terminal that cannot move its cursor, watch prints lines', async () => {
  const [prefix, client] = [freshPrefix(), sharedClient()]
  await client.put(`${prefix}/web/a`).value('{"address":"h:1"}')
  const watching = onTerminal(['watch', '--prefix', prefix], { TERM: 'dumb' })
  await watching.until('+ web/a h:1 without a lease')
  watching.interrupt()
  expect(await watching.ended).toBe(0)
  expect(watching.printed()).not.toContain('\x1b')
  await client.delete().prefix(prefix)
})
