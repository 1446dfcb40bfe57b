import type { Observable } from 'rxjs'
import type { ClosableRegistry } from '../../flow/registry.js'
import type { ConnectOptions } from '../etcd/index.js'

/** What asks the program to end: a signal, or `SIGPIPE` for a standard output that nobody reads any more. */
export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE'

/** The world around the program, so that a test is one, too. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Writes to standard output. */
  readonly print: (text: string) => void
  /** Writes to standard error. */
  readonly complain: (text: string) => void
  readonly signals: Observable<Signal>
  readonly readFile: (path: string) => Buffer
  readonly registryOf: (options: ConnectOptions) => ClosableRegistry | Promise<ClosableRegistry>
  readonly version: string
}

const numbers: Readonly<Record<Signal, number>> = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 }

/** The exit code of a process that such a signal ended. */
export const killedBy = (signal: Signal): number => 128 + numbers[signal]
