import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEtcd, freePort } from './provision-binary.js'
import { launch, PortTaken, type EtcdProcess } from './provision-process.js'

/** A running `etcd grpc-proxy`, of the same version as the etcd of the tests. */
export interface EtcdGrpcProxy {
  readonly endpoint: string
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly close: () => Promise<void>
}

const started = async (targets: readonly string[]): Promise<EtcdGrpcProxy> => {
  const binary = findEtcd()
  if (binary === undefined) throw new Error('no etcd whose grpc-proxy could run: put `etcd` on the PATH, or set ETCD_BIN to its file')
  const dir = mkdtempSync(join(tmpdir(), 'etcd-proxy-'))
  const address = `127.0.0.1:${await freePort()}`
  const metrics = `http://127.0.0.1:${await freePort()}`
  const flags = [
    ...['grpc-proxy', 'start', '--data-dir', dir, '--listen-addr', address, '--metrics-addr', metrics],
    ...['--endpoints', targets.map(target => target.replace(/^https?:\/\//, '')).join()],
    // The proxy of 3.6 ends after five seconds unless this address leads to itself.
    ...['--advertise-client-url', address],
  ]
  let running: EtcdProcess | undefined
  const start = async (): Promise<void> => {
    running ??= await launch(binary, dir, flags, `${metrics}/health`)
  }
  const kill = async (): Promise<void> => {
    await running?.end('SIGKILL')
    running = undefined
  }
  const close = async (): Promise<void> => {
    await kill()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return { endpoint: `http://${address}`, start, kill, close }
}

/** Starts the proxy that belongs to etcd, `etcd grpc-proxy`, before the etcds at `targets`, and waits until it is healthy. */
export const etcdGrpcProxy = async (targets: readonly string[], tries = 5): Promise<EtcdGrpcProxy> =>
  started(targets).catch((error: unknown) => {
    if (error instanceof PortTaken && tries > 1) return etcdGrpcProxy(targets, tries - 1)
    throw error
  })
