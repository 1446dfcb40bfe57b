import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import { findEtcd } from '../test/etcd/provision-binary.js'

const outputOf = (command: string, ...args: readonly string[]): string => {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

/** The machine and the versions of a run, in one line. */
export const machine = (): string => {
  const [{ model } = { model: 'unknown' }, ...others] = cpus()
  const etcd = /etcd Version: (\S+)/.exec(outputOf(findEtcd() ?? 'etcd', '--version'))?.[1] ?? 'unknown'
  const go = /go\d\S+/.exec(outputOf('go', 'version'))?.[0] ?? 'no Go'
  return `${others.length + 1} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, etcd ${etcd}, ${go}; etcd, its writer and all clients run on this machine.`
}
