import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './provision-binary.js'

/** A direction of a connection: from the client to etcd (`up`), or from etcd to the client (`down`). */
export type Direction = 'up' | 'down'

/** A TCP proxy on the loopback that fails on demand. */
export interface Proxy {
  readonly port: number
  readonly endpoint: string
  /** How many connections are open. */
  readonly connections: () => number
  /** How many bytes have passed so far, in both directions. */
  readonly bytes: () => number
  /** Delays everything, in each direction. */
  readonly latency: (milliseconds: number) => void
  /** Limits the rate in each direction. */
  readonly throttle: (bytesPerSecond: number) => void
  /** Lets nothing pass and keeps the connections open, as on a half-open connection. Without arguments, in both directions. */
  readonly stall: (...directions: readonly Direction[]) => void
  readonly resume: () => void
  /** Lets nothing pass on the connections that are open, and keeps them open. New connections work. */
  readonly strand: () => void
  /** Resets every connection. New connections work. */
  readonly reset: () => void
  /** Resets every connection after so many more bytes in one direction, even in the middle of a message. */
  readonly cutAfter: (bytes: number, direction?: Direction) => void
  /** Resets every connection and refuses new ones. */
  readonly refuse: () => Promise<void>
  readonly accept: () => Promise<void>
  readonly close: () => Promise<void>
}

type Pair = Readonly<Record<Direction, Socket>>

/** Opens a proxy to `target`, an endpoint such as `http://127.0.0.1:2379`. */
export const faultProxy = async (target: string): Promise<Proxy> => {
  const { hostname, port: targetPort, protocol } = new URL(target)
  const pairs = new Set<Pair>()
  const stranded = new Set<Pair>()
  const stalled = new Set<Direction>()
  let delay = 0
  let rate = Infinity
  let passed = 0
  // When the line is free again, which all connections share.
  const busy = { up: 0, down: 0 }
  let cut: { readonly direction: Direction; left: number } | undefined

  const reset = (): void => [...pairs, ...stranded].forEach(({ up, down }) => [up, down].forEach(socket => socket.resetAndDestroy()))

  const pass = (direction: Direction, chunk: Buffer, from: Socket, to: Socket): void => {
    if (to.destroyed || cut?.left === 0 || [...stranded].some(({ up, down }) => from === up || from === down)) return
    const part = cut?.direction === direction ? chunk.subarray(0, cut.left) : chunk
    passed += part.length
    if (!to.write(part)) {
      from.pause()
      to.once('drain', () => stalled.has(direction) || from.resume())
    }
    if (cut?.direction !== direction) return
    cut.left -= part.length
    // A reset drops buffered bytes, so the half message must be sent first.
    if (cut.left === 0)
      setImmediate(() => {
        cut = undefined
        reset()
      })
  }

  /** The time at which so many bytes will have arrived if they are sent now. */
  const arrival = (direction: Direction, bytes: number): number => {
    busy[direction] = Math.max(busy[direction], performance.now()) + (bytes * 1_000) / rate
    return busy[direction] + delay
  }

  // If the delay is lowered, a chunk must not overtake the one before it.
  const inOrder = (direction: Direction): ((run: () => void, bytes?: number) => void) => {
    let last = Promise.resolve()
    let waiting = 0
    return (run, bytes = 0) => {
      if (delay === 0 && rate === Infinity && waiting === 0) {
        run()
        return
      }
      const due = arrival(direction, bytes)
      waiting += 1
      last = last
        .then(() => sleep(Math.max(0, due - performance.now())))
        .then(() => {
          waiting -= 1
          run()
        })
    }
  }

  const pipe = (direction: Direction, from: Socket, to: Socket): void => {
    const then = inOrder(direction)
    const slowly = (chunk: Buffer): void => {
      const size = Math.ceil(rate / 20)
      // The sender waits until the line is free.
      from.pause()
      for (let start = 0; start < chunk.length; start += size) {
        const part = chunk.subarray(start, start + size)
        then(() => pass(direction, part, from, to), part.length)
      }
      then(() => stalled.has(direction) || from.resume())
    }
    from.setNoDelay()
    from.on('data', (chunk: Buffer) => (rate < Infinity ? slowly(chunk) : then(() => pass(direction, chunk, from, to))))
    from.on('end', () => then(() => void to.end()))
    from.on('error', () => to.destroy())
    from.on('close', () => then(() => void to.destroy()))
    if (stalled.has(direction)) from.pause()
  }

  const server = createServer({ allowHalfOpen: true }, client => {
    const etcd = connect({ port: Number(targetPort), host: hostname, allowHalfOpen: true })
    const pair = { up: client, down: etcd }
    pairs.add(pair)
    client.once('close', () => pairs.delete(pair) || stranded.delete(pair))
    pipe('up', client, etcd)
    pipe('down', etcd, client)
  })
  const port = await freePort()
  const accept = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  const refuse = (): Promise<void> => {
    const closed = new Promise<void>(resolve => server.close(() => resolve()))
    reset()
    return closed
  }
  await accept()

  return {
    port,
    endpoint: `${protocol}//127.0.0.1:${port}`,
    connections: () => pairs.size,
    bytes: () => passed,
    latency: milliseconds => {
      delay = milliseconds
    },
    throttle: bytesPerSecond => {
      rate = bytesPerSecond
    },
    stall: (...directions) => {
      for (const direction of directions.length > 0 ? directions : (['up', 'down'] as const)) {
        stalled.add(direction)
        pairs.forEach(pair => pair[direction].pause())
      }
    },
    resume: () => {
      stalled.clear()
      pairs.forEach(({ up, down }) => [up, down].forEach(socket => socket.resume()))
    },
    strand: () => {
      pairs.forEach(pair => stranded.add(pair))
      pairs.clear()
    },
    reset,
    cutAfter: (bytes, direction = 'down') => {
      cut = { direction, left: bytes }
    },
    refuse,
    accept,
    close: refuse,
  }
}
