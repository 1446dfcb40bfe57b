// Many registrations in one process: by rx-discovery, by one etcd3 lease each, or on one raw keep-alive stream for all.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3'
import { catchError, filter, firstValueFrom, of, ReplaySubject, retry, share, switchMap, take, throwError } from 'rxjs'
import { register, Taken, type Lease } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { plainClient } from '../../test/etcd/server.js'
import { answerCommands, clock, cpu, used } from './commands.js'
import { idOf, prefixOf, valueOf } from './world.js'

const [which = '', hosts = '', service = '', count = '0', ttl = '10'] = process.argv.slice(2)
const all = Array.from({ length: Number(count) }, (_, at) => at)
const renewedAt = new Float64Array(all.length)

const renewedNow = (at: number): void => {
  renewedAt[at] = clock()
}

const ours = (): Promise<unknown> => {
  const registry = etcdRegistry({ hosts })
  return Promise.all(
    all.map(at => {
      const registration = register(registry, { service, id: idOf(at), ...(JSON.parse(valueOf(at)) as { readonly address: string }) }, { ttl: Number(ttl) })
      // The registration is shared. This subscription keeps it when the one below has ended.
      registration.subscribe(({ status }) => {
        if (status === 'registered') renewedNow(at)
      })
      return firstValueFrom(registration.pipe(filter(({ status }) => status === 'registered')))
    }),
  )
}

// The same work as etcd3's leases: a key that is put once and not watched.
const alone = (): Promise<unknown> => {
  const registry = etcdRegistry({ hosts })
  return Promise.all(
    all.map(at => {
      const lease = registry.lease(Number(ttl)).pipe(retry({ delay: 200 }), share({ connector: () => new ReplaySubject(1) }))
      lease.subscribe(() => renewedNow(at))
      const write = (granted: Lease) =>
        registry.put([{ key: prefixOf(service) + idOf(at), value: valueOf(at), expect: 0 }], granted).pipe(
          // If the answer to a write was lost, the next try finds the key that it wrote.
          catchError((error: unknown) => (error instanceof Taken ? of(0) : throwError(() => error as Error))),
          retry({ count: 20, delay: 200 }),
        )
      return firstValueFrom(lease.pipe(take(1), switchMap(write)))
    }),
  )
}

/** Repeats a call until it succeeds: etcd answers some of thousands of calls too late. */
const retried = async <A>(run: () => Promise<A>): Promise<A> => {
  for (;;)
    try {
      return await run()
    } catch {
      await sleep(200)
    }
}

/** One etcd3 lease each; `watches`: with what a registration has besides, a watch of its key and one of the operator's override. */
const stock = (watches: boolean) => (): Promise<unknown> => {
  // The policies of etcd3 stop calling a host when thousands of calls are slow.
  const client = plainClient({ hosts })
  const registerOne = async (at: number): Promise<void> => {
    const lease = client.lease(Number(ttl))
    const key = prefixOf(service) + idOf(at)
    await lease.put(key).value(valueOf(at)).exec()
    lease.on('keepaliveSucceeded', () => renewedNow(at))
    if (!watches) return
    for (const watched of [key, `override/${key}`]) (await client.watch().key(watched).create()).on('put', () => undefined)
  }
  return Promise.all(all.map(at => retried(() => registerOne(at))))
}

const raw = async (): Promise<void> => {
  const client = plainClient({ hosts })
  const stream = (await client.leaseClient.leaseKeepAlive()) as unknown as {
    readonly write: (request: ILeaseKeepAliveRequest) => void
    readonly on: (event: 'data', listener: (response: ILeaseKeepAliveResponse) => void) => void
  }
  stream.on('data', () => undefined)
  await Promise.all(
    all.map(async at => {
      const granted = (): Promise<string> => {
        const ID = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()).toString()
        return client.leaseClient.leaseGrant({ ID, TTL: Number(ttl) }).then(() => ID)
      }
      const ID = await retried(granted)
      await retried(() => client.kv.put({ key: Buffer.from(prefixOf(service) + idOf(at)), value: Buffer.from(valueOf(at)), lease: ID }))
      setInterval(() => stream.write({ ID }), (Number(ttl) * 1_000) / 3)
    }),
  )
}

const ways: Readonly<Record<string, () => Promise<unknown>>> = { 'rx-discovery': ours, 'rx-discovery, leases alone': alone, etcd3: stock(false), 'etcd3, watched': stock(true), 'one raw stream': raw }

/** Waits until all have been renewed, for two TTLs at most. Resolves with their number and the time of the last renewal. */
const renewed = async (): Promise<{ readonly renewed: number; readonly at: number }> => {
  const since = clock()
  const sinceThen = (): number => renewedAt.filter(when => when > since).length
  while (sinceThen() < all.length && clock() < since + 2_000 * Number(ttl)) await sleep(10)
  return { renewed: sinceThen(), at: Math.max(...renewedAt) }
}

process.on('unhandledRejection', () => undefined)

answerCommands({
  spent: () => ({ cpu: cpu() }),
  register: async () => {
    const [began, spent] = [clock(), cpu()]
    await (ways[which] ?? raw)()
    return { ms: clock() - began, cpu: cpu() - spent }
  },
  renewed,
  used,
})
