import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './provision-binary.js'

/** A host that is no good. */
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

/** Nobody listens there. */
export const refusing = async (): Promise<BadHost> => ({ host: `127.0.0.1:${await freePort()}`, close: () => undefined })

/** Takes connections, and never says a word. */
export const swallowing = (): Promise<BadHost> => listening(createServer(socket => socket.on('error', () => undefined).resume()))

/** A web server of the old kind. */
export const http1 = (): Promise<BadHost> => listening(createHttpServer((_, response) => response.end('hello')))

const connects = (port: number, patience: number): Promise<Socket | undefined> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    const give = (result: Socket | undefined): void => {
      clearTimeout(timer)
      if (result === undefined) socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(() => give(undefined), patience)
    socket.once('connect', () => give(socket))
  })

const listener = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`

/** Drops every packet that asks for a connection: a stopped process whose queue of connections is full. */
export const blackHole = async (): Promise<BadHost> => {
  const child = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  child.kill('SIGSTOP')
  await sleep(50)
  const queue: Socket[] = []
  for (let taken = await connects(port, 500); taken !== undefined; taken = await connects(port, 500)) queue.push(taken)
  return {
    host: `127.0.0.1:${port}`,
    close: async () => {
      queue.forEach(socket => socket.destroy())
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}
