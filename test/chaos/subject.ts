import { setTimeout as sleep } from 'node:timers/promises'
import { program, type Launch, type Program } from '../etcd/program.js'
import type { Assignment, RegistrationReport, SetReport, SubjectLine } from './subject-protocol.js'

/** A report, and when it was read (monotonic ms). */
export type Timed<A> = A & { readonly at: number }

/** A process that discovers and registers, and what it has reported so far. */
export interface Subject {
  readonly sets: readonly Timed<SetReport>[]
  readonly states: readonly Timed<RegistrationReport>[]
  readonly failures: readonly string[]
  /** Sends a command, one of those in `ours.program.ts`. */
  readonly send: (command: string) => void
  /** The weights in its last set, by id. */
  readonly weights: () => Promise<Readonly<Record<string, number>>>
  readonly signal: (signal: NodeJS.Signals) => void
  readonly running: () => boolean
  /** Kills it, if it still runs, and starts it again. Both kinds of reports get an entry `restarted`. */
  readonly restart: () => Promise<void>
  /** Asks it to end and waits until it has ended by itself. Resolves with its standard error, or with `undefined` if it had to be killed. */
  readonly end: () => Promise<string | undefined>
}

/** The time (ms) in which a subject must end by itself. */
const endWithin = 20_000

/** Starts `ours`, which uses rx-discovery, or `stock`, which uses etcd3. */
export const subject = (which: 'ours' | 'stock', assignment: Assignment, launch: Launch = {}): Subject => {
  const start = (): Program => program(`test/chaos/${which}.program.ts`, [JSON.stringify(assignment)], launch)
  let process = start()
  const sets: Timed<SetReport>[] = []
  const states: Timed<RegistrationReport>[] = []
  const failures: string[] = []
  let onWeights: ((weights: Readonly<Record<string, number>>) => void) | undefined
  const readLines = async ({ line }: Program): Promise<void> => {
    for (;;) {
      const report = JSON.parse(await line()) as SubjectLine
      const at = performance.now()
      if ('set' in report) sets.push({ ...report.set, at })
      else if ('registration' in report) states.push({ ...report.registration, at })
      else if ('weights' in report) onWeights?.(report.weights)
      else failures.push(report.failed)
    }
  }
  // The rejection means that the process has ended.
  const read = (): void => void readLines(process).catch(() => undefined)
  read()
  return {
    sets,
    states,
    failures,
    send: command => process.write(command),
    weights: () =>
      new Promise(resolve => {
        onWeights = resolve
        process.write('weigh')
      }),
    signal: signal => process.signal(signal),
    running: () => process.running(),
    restart: async () => {
      process.signal('SIGKILL')
      await process.ended
      const at = performance.now()
      sets.push({ status: 'restarted', live: false, revision: 0, size: 0, digest: 0, at })
      states.push({ status: 'restarted', registered: false, at })
      process = start()
      read()
    },
    end: async () => {
      process.signal('SIGCONT')
      process.write('end')
      const killed = sleep(endWithin, undefined, { ref: false }).then(() => {
        process.signal('SIGKILL')
        return undefined
      })
      return Promise.race([process.ended.then(({ complaint }) => complaint), killed])
    },
  }
}
