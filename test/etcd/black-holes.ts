import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './provision-binary.js'

/** A host that no etcd serves. */
export interface BadHost {
  readonly host: string
  readonly close: () => unknown
}

const listening = async (server: Server): Promise<BadHost> => {
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      sockets.forEach(socket => socket.destroy())
      return new Promise(resolve => server.close(resolve))
    },
  }
}

/** A host that refuses connections: no process listens on its port. */
export const refusing = async (): Promise<BadHost> => ({ host: `127.0.0.1:${await freePort()}`, close: () => undefined })

/** A host that accepts connections and never sends anything. */
export const swallowing = (): Promise<BadHost> => listening(createServer(socket => socket.on('error', () => undefined).resume()))

/** A web server that speaks HTTP/1 only. */
export const http1 = (): Promise<BadHost> => listening(createHttpServer((_, response) => response.end('hello')))

/** Resolves with a connected socket, or with `undefined` after `timeout` ms. */
const connected = (port: number, timeout: number): Promise<Socket | undefined> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    const finish = (result: Socket | undefined): void => {
      clearTimeout(timer)
      if (result === undefined) socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(() => finish(undefined), timeout)
    socket.once('connect', () => finish(socket))
  })

const listener = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`

/** A host that drops every request for a connection: a stopped process with a full queue of connections. */
export const blackHole = async (): Promise<BadHost> => {
  const child = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  child.kill('SIGSTOP')
  await sleep(50)
  const queue: Socket[] = []
  for (let taken = await connected(port, 500); taken !== undefined; taken = await connected(port, 500)) queue.push(taken)
  return {
    host: `127.0.0.1:${port}`,
    close: async () => {
      queue.forEach(socket => socket.destroy())
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}
