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

/** The path of the etcd to spawn: `ETCD_BIN`, otherwise the first one on the PATH; `undefined` if there is none. */
export const findEtcd = (): string | undefined =>
  process.env['ETCD_BIN'] ?? (process.env['PATH'] ?? '').split(delimiter).map(dir => join(dir, 'etcd')).find(runnable)

/** Whether this etcd accepts these flags. It refuses unknown flags even together with `--version`. */
export const accepts = (binary: string, ...flags: readonly string[]): Promise<boolean> =>
  new Promise(resolve => execFile(binary, [...flags, '--version'], error => resolve(error === null)))

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
