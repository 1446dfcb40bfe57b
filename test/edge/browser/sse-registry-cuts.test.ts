import { defer, filter, firstValueFrom, of, retry, scan, tap, throwError } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { Disconnected, type Batch } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry } from 'rx-discovery/memory'
import { sseHandler } from 'rx-discovery/sse'
import { own } from '../../etcd/own.js'
import { keyOf } from '../../scene.js'
import { bridgeServer } from '../sse/bridge-server.js'
import { reading } from '../sse/reading.js'

/** The text of a stream over about 5 kB, from revision 1 on, and the content at its end. */
const recordedStream = async (): Promise<{ readonly text: string; readonly truth: ReadonlyMap<string, string> }> => {
  const registry = own(memoryRegistry(), ({ close }) => close())
  const handler = own(sseHandler(registry, { services: ['web'] }), ({ close }) => close())
  const { url } = own(await bridgeServer(handler), ({ close }) => close())
  const stream = own(await reading(url, { 'last-event-id': '1' }), ({ stop }) => stop())
  await stream.until(({ length }) => length === 1)
  const lease = registry.lease(30).subscribe()
  await vi.waitFor(() => expect(registry.leases()).toHaveLength(1))
  for (let step = 0; step < 12; step += 1) {
    const value = JSON.stringify({ v: 1, address: 'a:80', version: `${step}`, zone: 'é'.repeat(25) })
    const found = new Map(registry.entries().map(({ key, revision }) => [key, revision]))
    const entries = [keyOf(`n${step % 3}`), keyOf(`m${step % 4}`), keyOf('x')].map((key, index) => ({ key, value: index === 2 && step % 2 === 1 ? null : value, expect: found.get(key) ?? 0 }))
    await firstValueFrom(registry.put(entries, { id: registry.leases()[0] ?? '', ttl: 30, expiresAt: 0, renewals: 0 }))
  }
  await stream.until(({ length }) => length === 13)
  lease.unsubscribe()
  const [, blocks = ''] = /\n\n([^]*)$/.exec(stream.text()) ?? []
  const thirteen = `${blocks.split('\n\n').slice(0, 13).join('\n\n')}\n\n`
  const truth = new Map<string, string>()
  for (const block of thirteen.split('\n\n').slice(0, 13))
    for (const [key, value] of (JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as { changes: [string, string | null][] }).changes)
      if (value === null) truth.delete(key)
      else truth.set(key, value)
  return { text: thirteen, truth }
}

/** A bridge that knows one history, and resumes after any id of it. Its first response breaks off after so many bytes. */
const cutting = (blocks: readonly string[], bytes: number) => {
  const ids: (string | null)[] = []
  const fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const id = new Headers(init?.headers).get('last-event-id')
    ids.push(id)
    const after = blocks.findIndex(block => block.includes(`\nid: ${id ?? ''}`))
    const body = new TextEncoder().encode(blocks.slice(after + 1).map(block => `${block}\n\n`).join(''))
    return new Response(
      new ReadableStream<Uint8Array>({
        start: controller => {
          if (ids.length > 1) {
            controller.enqueue(body)
            return
          }
          controller.enqueue(body.slice(0, bytes))
          // Half of them end as a server does that shuts down; what was enqueued is read first.
          if (bytes % 2 === 0) controller.close()
          else setTimeout(() => controller.error(new TypeError('terminated')))
        },
      }),
      { headers: { 'content-type': 'text/event-stream' } },
    )
  }
  return { fetch, ids }
}

describe('a stream that breaks off', () => {
  it('at every byte: the content is that of the registry, and each revision is applied once', async () => {
    const { text, truth } = await recordedStream()
    const size = Buffer.byteLength(text)
    const blocks = text.split('\n\n').slice(0, -1)
    expect(size).toBeGreaterThan(5_000)
    const results = new Set<string>()
    const follow = async (bytes: number): Promise<void> => {
      const { fetch, ids } = cutting(blocks, bytes)
      const registry = sseRegistry('http://bridge/discovery', { fetch })
      const applied: number[] = []
      let last = 1
      const batches = defer(() => registry.watch('/rx-discovery/', last)).pipe(
        tap(({ changes, revision }) => {
          if (changes.some(each => each.revision <= last)) throw new Error(`a change came twice after revision ${last}`)
          if (changes.length > 0) applied.push(revision)
          last = revision
        }),
        retry({ delay: (error: unknown) => (error instanceof Disconnected ? of(undefined) : throwError(() => error as Error)) }),
        scan((entries, batch: Batch) => {
          for (const { key, value } of batch.changes)
            if (value === null) entries.delete(key)
            else entries.set(key, value)
          return entries
        }, new Map<string, string>()),
      )
      const content = await firstValueFrom(batches.pipe(filter(() => last === 13)))
      results.add(JSON.stringify([[...content].sort(), applied]))
      if (ids[1] !== undefined && !/^(1|\d+\.[\da-f]{16})$/.test(ids[1] ?? '')) results.add(`resumed after ${ids[1]}`)
    }
    for (let from = 1; from <= size; from += 250) await Promise.all(Array.from({ length: Math.min(250, size - from + 1) }, (_, index) => follow(from + index)))
    expect([...results]).toEqual([JSON.stringify([[...truth].sort(), Array.from({ length: 12 }, (_, index) => index + 2)])])
  }, 120_000)
})
