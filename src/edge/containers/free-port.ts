import { createServer } from 'node:net'

const isFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/**
 * A free port of the loopback, below the range of outgoing connections. A client that redials the port of a dead server within that range
 * sooner or later connects to itself, and then the server finds its port taken.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 10_240 + Math.floor(Math.random() * 22_000)
    if (await isFree(port)) return port
  }
}
