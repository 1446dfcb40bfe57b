import type { Observable } from 'rxjs'
import type { ClosableRegistry } from '../../flow/registry.js'
import type { ConnectOptions } from '../etcd/index.js'

/** What ends the program: a signal of the system, or `SIGPIPE` if the reader of standard output has gone away. */
export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE'

/** The terminal that standard output is. */
export interface Terminal {
  /** Its width and height now, in characters. */
  readonly columns: () => number
  readonly rows: () => number
  readonly resized: Observable<unknown>
  /** Whether it shows colours, and is to do so. */
  readonly colours: boolean
}

/** The world around the program, so that tests can replace it. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Writes to standard output. */
  readonly print: (text: string) => void
  /** Writes to standard error. */
  readonly printError: (text: string) => void
  /** Absent if standard output is a file, a pipe, or a terminal on which the cursor cannot be moved. @default absent */
  readonly terminal?: Terminal | undefined
  readonly signals: Observable<Signal>
  /** The board in one file, for `ui`. */
  readonly boardScript: () => Buffer
  readonly registryOf: (options: ConnectOptions) => ClosableRegistry | Promise<ClosableRegistry>
  readonly version: string
  /** The folder of the package, which holds its pages. */
  readonly folder: string
}

const numbers: Readonly<Record<Signal, number>> = { SIGHUP: 1, SIGINT: 2, SIGPIPE: 13, SIGTERM: 15 }

/** The exit code of a process that a signal has ended. */
export const exitCodeOf = (signal: Signal): number => 128 + numbers[signal]
