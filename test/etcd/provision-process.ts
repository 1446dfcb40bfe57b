import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Another process took the port between the check and the start of etcd. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken'
}

/** A running etcd. */
export interface EtcdProcess {
  readonly signal: (signal: NodeJS.Signals) => void
  /** Sends `signal` and waits for the exit; resolves at once if etcd has exited already. */
  readonly end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>
}

/** Kills `child` and removes `dir` if this process ends before, even by SIGKILL: the watcher then reads the end of its input pipe. */
export const guard = (child: ChildProcess, dir: string): void => {
  const script = `read -r _; kill -KILL ${child.pid ?? ''}; sleep 1; rm -rf '${dir}'`
  const watcher = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watcher.on('error', () => undefined)
  child.once('close', () => watcher.kill('SIGKILL'))
}

/** Waits until a process has stopped after SIGSTOP. On a busy machine, its other threads answer until one of them handles the signal. */
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

/** Spawns etcd with its files in `dir`, and waits until its health address reports that it answers linearizable reads. */
export const launch = async (binary: string, dir: string, flags: readonly string[], health: string, timeout = 20_000): Promise<EtcdProcess> => {
  const child = spawn(binary, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
  const state = { running: true, output: '', failure: undefined as Error | undefined }
  const onOutput = (chunk: Buffer): void => {
    state.output = (state.output + chunk.toString()).slice(-4_000)
  }
  child.stdout.on('data', onOutput)
  child.stderr.on('data', onOutput)
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
    // A stopped process handles SIGTERM only after SIGCONT.
    if (signal === 'SIGTERM') child.kill('SIGCONT')
    return exited
  }
  const until = Date.now() + timeout
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
    throw new Error(`etcd was not healthy within ${timeout} ms; its output: ${state.output}`)
  }
  if (state.output.includes('address already in use')) throw new PortTaken(state.output)
  throw new Error(`etcd ended before it was healthy; its output: ${state.output}`, { cause: state.failure })
}
