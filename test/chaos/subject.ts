import { setTimeout as sleep } from 'node:timers/promises'
import { program, type Launch, type Program } from '../etcd/program.js'
import type { Assignment, Tenure, Told, View } from './told.js'

/** Something told, and when we heard it (monotonic ms). */
export type Timed<A> = A & { readonly at: number }

/** A process that discovers and registers, and what it has told so far. */
export interface Subject {
  readonly views: readonly Timed<View>[]
  readonly tenures: readonly Timed<Tenure>[]
  readonly failures: readonly string[]
  readonly measured: readonly Timed<Readonly<Record<string, number>>>[]
  readonly tell: (order: string) => void
  /** What it knows now, by id. */
  readonly weights: () => Promise<Readonly<Record<string, number>>>
  readonly signal: (signal: NodeJS.Signals) => void
  readonly running: () => boolean
  /** Kills it, if it still runs, and starts it anew; says so, since what it told before is over. */
  readonly restart: () => Promise<void>
  /** Tells it to end and waits until it has, by itself; resolves with its complaint, or with `undefined` when it had to be killed. */
  readonly end: () => Promise<string | undefined>
}

const patience = 20_000

/** Starts `ours` or `stock` with what it is to do. */
export const subject = (which: 'ours' | 'stock', assignment: Assignment, launch: Launch = {}): Subject => {
  const start = (): Program => program(`test/chaos/${which}.program.ts`, [JSON.stringify(assignment)], launch)
  let process = start()
  const views: Timed<View>[] = []
  const tenures: Timed<Tenure>[] = []
  const failures: string[] = []
  const measured: Timed<Readonly<Record<string, number>>>[] = []
  let weighed: ((weights: Readonly<Record<string, number>>) => void) | undefined
  const hear = async ({ line }: Program): Promise<void> => {
    for (;;) {
      const told = JSON.parse(await line()) as Told
      const at = performance.now()
      if ('view' in told) views.push({ ...told.view, at })
      else if ('tenure' in told) tenures.push({ ...told.tenure, at })
      else if ('measured' in told) measured.push({ ...told.measured, at })
      else if ('weights' in told) weighed?.(told.weights)
      else failures.push(told.failed)
    }
  }
  // It ends with the process.
  const listen = (): void => void hear(process).catch(() => undefined)
  listen()
  return {
    views,
    tenures,
    failures,
    measured,
    tell: order => process.write(order),
    weights: () =>
      new Promise(resolve => {
        weighed = resolve
        process.write('weigh')
      }),
    signal: signal => process.signal(signal),
    running: () => process.running(),
    restart: async () => {
      process.signal('SIGKILL')
      await process.ended
      const at = performance.now()
      views.push({ status: 'restarted', live: false, revision: 0, size: 0, digest: 0, at })
      tenures.push({ status: 'restarted', held: false, at })
      process = start()
      listen()
    },
    end: async () => {
      process.signal('SIGCONT')
      process.write('end')
      const killed = sleep(patience, undefined, { ref: false }).then(() => {
        process.signal('SIGKILL')
        return undefined
      })
      return Promise.race([process.ended.then(({ complaint }) => complaint), killed])
    },
  }
}
