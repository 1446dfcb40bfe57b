import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
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

export { freePort } from '../../src/edge/containers/free-port.js'
