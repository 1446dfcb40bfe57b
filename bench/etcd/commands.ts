import { createInterface } from 'node:readline'
import type { Used } from './candidate.js'

declare const gc: () => void

/** Milliseconds by the one clock that all processes of a machine share. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6

/** The time of the processor used so far, ms. */
export const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e3
}

/** What this process has used, after a collection. */
export const used = (): Used => {
  const spent = cpu()
  gc()
  gc()
  const { heapUsed, rss } = process.memoryUsage()
  return { cpu: spent, heap: heapUsed, rss, sockets: process.getActiveResourcesInfo().filter(kind => kind === 'TCPSocketWrap').length }
}

/** Answers the orders that come in by what `handlers` say, one line each. */
export const obey = (handlers: Readonly<Record<string, (order: Readonly<Record<string, unknown>>) => unknown>>): void => {
  createInterface(process.stdin)
    .on('line', line => {
      const order = JSON.parse(line) as Readonly<Record<string, unknown>>
      const handler = handlers[String(order['do'])]
      if (handler === undefined) throw new Error(`no such order: ${line}`)
      void Promise.resolve(handler(order)).then(answer => process.stdout.write(`${JSON.stringify(answer ?? {})}\n`))
    })
    .on('close', () => process.exit())
}
