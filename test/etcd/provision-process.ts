import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Another process took the port between our look and etcd's start. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken'
}

/** A running etcd. */
export interface EtcdProcess {
  readonly signal: (signal: NodeJS.Signals) => void
  /** Sends `signal` and waits for the exit; done at once when it has exited already. */
  readonly end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>
}

/** Kills `child` and removes `dir` when we end without having done so, even by SIGKILL: the watcher then reads the end of our pipe. */
const guard = (child: ChildProcess, dir: string): void => {
  const script = `read -r _; kill -KILL ${child.pid ?? ''}; sleep 1; rm -rf '${dir}'`
  const watcher = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watcher.on('error', () => undefined)
  child.once('close', () => watcher.kill('SIGKILL'))
}

/** Waits until a process that is told to stop has stopped: on a busy machine one of its threads must get its turn first, while others still answer. */
const awaitStop = (pid: number | undefined): void => {
  const stat = `/proc/${pid ?? ''}/stat`
  const stopped = (): boolean => !existsSync(stat) || / [TtZ] /.test(readFileSync(stat, 'latin1').split(')').at(-1)?.slice(0, 4) ?? '')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (const until = Date.now() + 2_000; !stopped() && Date.now() < until; ) Atomics.wait(pause, 0, 0, 1)
}

const answers = (health: string): Promise<boolean> =>
  fetch(health, { signal: AbortSignal.timeout(1_000) }).then(
    async response => ((await response.json()) as { health: unknown }).health === 'true',
    () => false,
  )

/** Spawns etcd, whose files are in `dir`, and waits until its health address says that it answers a linearizable read. */
export const launch = async (binary: string, dir: string, flags: readonly string[], health: string, patience = 20_000): Promise<EtcdProcess> => {
  const child = spawn(binary, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
  const state = { running: true, said: '', failure: undefined as Error | undefined }
  const listen = (chunk: Buffer): void => {
    state.said = (state.said + chunk.toString()).slice(-4_000)
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const exited = new Promise<void>(resolve => {
    const gone = (): void => {
      state.running = false
      resolve()
    }
    child.once('error', error => {
      state.failure = error
      gone()
    })
    child.once('close', gone)
  })
  if (child.pid !== undefined) guard(child, dir)
  const end = (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    child.kill(signal)
    // A stopped process takes SIGTERM only once it goes on.
    if (signal === 'SIGTERM') child.kill('SIGCONT')
    return exited
  }
  const until = Date.now() + patience
  while (state.running) {
    if (await answers(health))
      return {
        signal: signal => {
          child.kill(signal)
          if (signal === 'SIGSTOP') awaitStop(child.pid)
        },
        end,
      }
    await sleep(25)
    if (Date.now() < until) continue
    await end('SIGKILL')
    throw new Error(`etcd was not healthy within ${patience} ms; it said: ${state.said}`)
  }
  if (state.said.includes('address already in use')) throw new PortTaken(state.said)
  throw new Error(`etcd ended before it was healthy; it said: ${state.said}`, { cause: state.failure })
}
