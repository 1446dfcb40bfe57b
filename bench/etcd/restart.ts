import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdServer } from '../../test/etcd/server.js'
import { clock } from './commands.js'

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Sends a request to etcd's HTTP gateway until it is answered, each time on a new connection: an old one might be slow to come back. */
export const answered = async <A>(endpoint: string, path: string, body: unknown): Promise<A> => {
  for (;;) {
    const response = await fetch(`${endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body), headers: { connection: 'close' } }).catch(() => undefined)
    if (response?.ok === true) return (await response.json()) as A
    await sleep(2)
  }
}

/** Starts a killed etcd after a second. Resolves with the time of its first linearizable answer. */
export const startedAgain = async ({ endpoint, start }: EtcdServer): Promise<{ readonly answeredAt: number; readonly starting: Promise<void> }> => {
  await sleep(1_000)
  const starting = start()
  await answered(endpoint, 'range', { key: base64('\\0') })
  return { answeredAt: clock(), starting }
}
