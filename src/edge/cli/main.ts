#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { fromEvent, map, merge, Subject } from 'rxjs'
import type { Signal, Terminal } from './host.js'
import { run } from './run.js'
import { withoutEchoes } from './without-echoes.js'

const signal = (name: Signal) => fromEvent(process, name).pipe(map(() => name))
const outputClosed = new Subject<Signal>()
// Without a listener, the process would crash when a reader such as `head` goes away.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    process.exitCode = 1
    process.stderr.write(`error: standard output cannot be written: ${error.message}\n`)
  }
  outputClosed.next('SIGPIPE')
})
process.stderr.on('error', () => undefined)

const { stdout } = process
const terminal: Terminal | undefined =
  stdout.isTTY && process.env['TERM'] !== 'dumb'
    ? {
        columns: () => stdout.columns,
        rows: () => stdout.rows,
        resized: fromEvent(stdout, 'resize'),
        // By NO_COLOR, FORCE_COLOR and what the terminal can show.
        colours: styleText('red', 'x', { stream: stdout }) !== 'x',
      }
    : undefined

// Node's deprecation warnings, such as the one about TLS by IP address, are for developers, not for users of this program.
process.noDeprecation = true

const folder = fileURLToPath(new URL('../../..', import.meta.url))

const code = await run(process.argv.slice(2), {
  env: process.env,
  print: text => void process.stdout.write(text),
  printError: text => void process.stderr.write(text),
  terminal,
  signals: merge(signal('SIGINT'), signal('SIGTERM'), signal('SIGHUP'), outputClosed).pipe(withoutEchoes()),
  boardScript: () => readFileSync(join(folder, 'dist/board.js')),
  // eslint-disable-next-line no-restricted-syntax -- etcd3 is an optional peer; if it is missing, `run` reports that
  registryOf: async options => (await import('../etcd/index.js')).etcdRegistry(options),
  version: (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly version: string }).version,
  folder,
})
if (code !== 0) process.exitCode = code
// After a second signal, unfinished work could keep the process alive.
if (code > 128) process.exit()
