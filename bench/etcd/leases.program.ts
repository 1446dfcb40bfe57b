// Many registrations in one process: by rx-discovery, by a lease of etcd3 for each, or by hand on one raw stream for all.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3'
import { catchError, filter, firstValueFrom, of, ReplaySubject, retry, share, switchMap, take, throwError } from 'rxjs'
import { register, Taken, type Lease } from '../../src/index.js'
import { etcdRegistry } from '../../src/edge/etcd/index.js'
import { plainClient } from '../../test/etcd/server.js'
import { clock, cpu, obey, used } from './commands.js'
import { idOf, prefixOf, valueOf } from './world.js'

const [which = '', hosts = '', service = '', count = '0', ttl = '10'] = process.argv.slice(2)
const all = Array.from({ length: Number(count) }, (_, at) => at)
const renewedAt = new Float64Array(all.length)

const heard = (at: number): void => {
  renewedAt[at] = clock()
}

const ours = (): Promise<unknown> => {
  const registry = etcdRegistry({ hosts })
  return Promise.all(
    all.map(at => {
      const registration = register(registry, { service, id: idOf(at), ...(JSON.parse(valueOf(at)) as { readonly address: string }) }, { ttl: Number(ttl) })
      // It is shared: this one keeps it, beyond the first value that is waited for.
      registration.subscribe(({ status }) => {
        if (status === 'registered') heard(at)
      })
      return firstValueFrom(registration.pipe(filter(({ status }) => status === 'registered')))
    }),
  )
}

// What etcd3's leases do, no more: a key that is put once, and nobody looks after it.
const alone = (): Promise<unknown> => {
  const registry = etcdRegistry({ hosts })
  return Promise.all(
    all.map(at => {
      const lease = registry.lease(Number(ttl)).pipe(retry({ delay: 200 }), share({ connector: () => new ReplaySubject(1) }))
      lease.subscribe(() => heard(at))
      const written = (held: Lease) =>
        registry.put([{ key: prefixOf(service) + idOf(at), value: valueOf(at), expect: 0 }], held).pipe(
          // Of an answer that was late the next try finds what it wrote.
          catchError((error: unknown) => (error instanceof Taken ? of(0) : throwError(() => error as Error))),
          retry({ count: 20, delay: 200 }),
        )
      return firstValueFrom(lease.pipe(take(1), switchMap(written)))
    }),
  )
}

/** Until it succeeds: of thousands of calls at once some are too late. */
const until = async <A>(run: () => Promise<A>): Promise<A> => {
  for (;;)
    try {
      return await run()
    } catch {
      await sleep(200)
    }
}

const stock = (): Promise<unknown> => {
  // Its own policies break off when thousands of calls are slow at once.
  const client = plainClient({ hosts })
  const held = async (at: number): Promise<void> => {
    const lease = client.lease(Number(ttl))
    await lease.put(prefixOf(service) + idOf(at)).value(valueOf(at)).exec()
    lease.on('keepaliveSucceeded', () => heard(at))
  }
  return Promise.all(all.map(at => until(() => held(at))))
}

const raw = async (): Promise<void> => {
  const client = plainClient({ hosts })
  const stream = (await client.leaseClient.leaseKeepAlive()) as unknown as {
    readonly write: (request: ILeaseKeepAliveRequest) => void
    readonly on: (event: 'data', heard: (response: ILeaseKeepAliveResponse) => void) => void
  }
  stream.on('data', () => undefined)
  await Promise.all(
    all.map(async at => {
      const granted = (): Promise<string> => {
        const ID = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()).toString()
        return client.leaseClient.leaseGrant({ ID, TTL: Number(ttl) }).then(() => ID)
      }
      const ID = await until(granted)
      await until(() => client.kv.put({ key: Buffer.from(prefixOf(service) + idOf(at)), value: Buffer.from(valueOf(at)), lease: ID }))
      setInterval(() => stream.write({ ID }), (Number(ttl) * 1_000) / 3)
    }),
  )
}

const ways: Readonly<Record<string, () => Promise<unknown>>> = { ours, 'our leases alone': alone, etcd3: stock, 'one raw stream': raw }

/** Waits until all have been renewed since now, two TTLs at most: how many were, and when the last. */
const renewed = async (): Promise<{ readonly renewed: number; readonly at: number }> => {
  const since = clock()
  const sinceThen = (): number => renewedAt.filter(when => when > since).length
  while (sinceThen() < all.length && clock() < since + 2_000 * Number(ttl)) await sleep(10)
  return { renewed: sinceThen(), at: Math.max(...renewedAt) }
}

process.on('unhandledRejection', () => undefined)

obey({
  spent: () => ({ cpu: cpu() }),
  register: async () => {
    const [began, spent] = [clock(), cpu()]
    await (ways[which] ?? raw)()
    return { ms: clock() - began, cpu: cpu() - spent }
  },
  renewed,
  used,
})
