import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

const runnable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The etcd to spawn: `ETCD_BIN`, else the first one on the PATH; undefined where there is none. */
export const findEtcd = (): string | undefined =>
  process.env['ETCD_BIN'] ?? (process.env['PATH'] ?? '').split(delimiter).map(dir => join(dir, 'etcd')).find(runnable)

/** Whether this etcd takes these flags: it refuses an unknown one even when it is only asked for its version. */
export const accepts = (binary: string, ...flags: readonly string[]): Promise<boolean> =>
  new Promise(resolve => execFile(binary, [...flags, '--version'], error => resolve(error === null)))

const isFree = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

/**
 * A port of the loopback where nobody listens. Below the range of outgoing connections, since a client that redials a dead server's
 * port from that range sooner or later connects to itself, and the server finds its port taken.
 */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 10_240 + Math.floor(Math.random() * 22_000)
    if (await isFree(port)) return port
  }
}
