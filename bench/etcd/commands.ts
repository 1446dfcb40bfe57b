import { createInterface } from 'node:readline'
import type { Used } from './candidate.js'

declare const gc: () => void

/** Milliseconds of the clock that all processes of a machine share. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6

/** The CPU time that this process has used so far, ms. */
export const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e3
}

/** The memory and CPU time of this process, after a garbage collection. */
export const used = (): Used => {
  const spent = cpu()
  gc()
  gc()
  const { heapUsed, rss } = process.memoryUsage()
  return { cpu: spent, heap: heapUsed, rss, sockets: process.getActiveResourcesInfo().filter(kind => kind === 'TCPSocketWrap').length }
}

/** Answers each command, a line of JSON on the standard input, with one line of JSON. */
export const answerCommands = (handlers: Readonly<Record<string, (command: Readonly<Record<string, unknown>>) => unknown>>): void => {
  createInterface(process.stdin)
    .on('line', line => {
      const command = JSON.parse(line) as Readonly<Record<string, unknown>>
      const handler = handlers[String(command['do'])]
      if (handler === undefined) throw new Error(`"do" must be one of ${Object.keys(handlers).join(', ')}, got ${line}`)
      void Promise.resolve(handler(command)).then(answer => process.stdout.write(`${JSON.stringify(answer ?? {})}\n`))
    })
    .on('close', () => process.exit())
}
