import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { installPackage } from '../etcd/provision-package.js'

/** A container engine of one test run. */
export interface OwnEngine {
  /** Its socket, for `DOCKER_HOST`. */
  readonly host: string
  /** Ends it with all its containers, and removes its files and its bridge. */
  readonly stop: () => Promise<void>
}

const isOnPath = (command: string): boolean => (process.env['PATH'] ?? '').split(delimiter).some(dir => existsSync(join(dir, command)))

/** Whether an engine answers at this socket. It creates the socket long before. */
const answers = (socketPath: string): Promise<boolean> =>
  new Promise(resolve => {
    const ping = get({ socketPath, path: '/_ping', timeout: 5_000 }, answer => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    ping.once('error', () => resolve(false)).once('timeout', () => ping.destroy())
  })

/** It does without iptables, so it runs inside of a small virtual machine, too. */
const flags = (dir: string): string =>
  `--host unix://${dir}/docker.sock --data-root ${dir}/data --exec-root ${dir}/exec --pidfile ${dir}/pid --iptables=false --ip6tables=false`

/** Ends the engine when its input ends, so also if the tests are killed. */
const supervised = (dir: string): string => `
had_bridge=$(test -e /sys/class/net/docker0 && echo yes)
dockerd ${flags(dir)} >${dir}/log 2>&1 </dev/null &
engine=$!
read -r _
kill -TERM $engine
wait $engine
test -n "$had_bridge" || ip link delete docker0
# The engine leaves its directory mounted on itself.
cut -d ' ' -f 2 /proc/mounts | grep '^${dir}/' | sort -r | xargs -r umount -l
rm -rf ${dir}`

/** Starts a Docker engine, which is installed if need be. Throws if this machine cannot have one. */
export const ownEngine = async (report: (line: string) => void, tries = 4): Promise<OwnEngine> => {
  const advice = 'start Docker, or set DOCKER_HOST'
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error(`no container engine answers, and only root on Linux can start one for the tests (${advice})`)
  if (!isOnPath('dockerd')) await installPackage('docker', { 'apt-get': 'docker.io', dnf: 'moby-engine' }, report)
  if (!isOnPath('dockerd')) throw new Error(`no container engine answers, and dockerd is not on the PATH (${advice})`)

  const dir = mkdtempSync(join(tmpdir(), 'docker-'))
  const shell = spawn('/bin/sh', ['-c', supervised(dir)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  const closed = once(shell, 'close')
  const log = join(dir, 'log')
  const output = (): string => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n') : '')
  const stop = async (): Promise<void> => {
    shell.stdin.end()
    await closed
  }
  const socket = join(dir, 'docker.sock')
  const end = Date.now() + 180_000
  while (!(await answers(socket))) {
    if (Date.now() > end || /^failed to/m.test(output())) {
      const last = output()
      await stop()
      // It gives itself 15 s, which a busy machine exceeds.
      if (last.includes('timeout waiting for containerd') && tries > 1) return ownEngine(report, tries - 1)
      throw new Error(`dockerd did not start (${advice}): ${last}`)
    }
    await sleep(100)
  }
  return { host: `unix://${socket}`, stop }
}
