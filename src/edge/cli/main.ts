#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { fromEvent, map, merge, Subject } from 'rxjs'
import type { Signal } from './host.js'
import { run } from './run.js'

const signal = (name: Signal) => fromEvent(process, name).pipe(map(() => name))
const unread = new Subject<Signal>()
// Without listeners a reader that has gone away, such as `head`, would end us as a crash.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    process.exitCode = 1
    process.stderr.write(`error: standard output cannot be written: ${error.message}\n`)
  }
  unread.next('SIGPIPE')
})
process.stderr.on('error', () => undefined)

// Warnings for who writes a program, such as Node's about TLS by IP address, say nothing to who operates it.
process.noDeprecation = true

const code = await run(process.argv.slice(2), {
  env: process.env,
  print: text => void process.stdout.write(text),
  complain: text => void process.stderr.write(text),
  signals: merge(signal('SIGINT'), signal('SIGTERM'), signal('SIGHUP'), unread),
  readFile: path => readFileSync(path),
  // eslint-disable-next-line no-restricted-syntax -- the one import that may fail: etcd3 is an optional peer, and its absence must be told
  registryOf: async options => (await import('../etcd/index.js')).etcdRegistry(options),
  version: (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly version: string }).version,
})
if (code !== 0) process.exitCode = code
// Ended by force, there may be work left that would keep the process.
if (code > 128) process.exit()
