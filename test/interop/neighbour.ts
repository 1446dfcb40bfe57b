import { spawned, type Program } from '../etcd/program.js'

/** A command to a program of another stack. */
export interface Command {
  readonly do: 'register' | 'leave' | 'follow' | 'list' | 'call' | 'pause' | 'resume'
  readonly service?: string
  readonly id?: string
  readonly address?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Seconds. */
  readonly ttl?: number
}

type Line = { readonly answer: unknown } | { readonly error: string } | { readonly sees: readonly unknown[] }

/** A process that registers and discovers with the code of another stack. */
export interface Neighbour {
  /** Resolves with the answer to a command, and rejects if the command fails there. Commands run one after another. */
  readonly ask: (command: Command) => Promise<unknown>
  /** What it sees of the service that it follows. */
  readonly seen: () => readonly unknown[] | undefined
  /** Ends it by SIGKILL, so that it revokes nothing. */
  readonly kill: () => Promise<void>
}

/** Starts a program that speaks the protocol of `test/interop/go/main.go`, and resolves when it is ready. */
export const neighbour = async (name: string, command: readonly string[]): Promise<Neighbour> => {
  const process: Program = spawned(name, command)
  const waiting: { readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void }[] = []
  const answered = (): Promise<unknown> => new Promise((resolve, reject) => waiting.push({ resolve, reject }))
  let seen: readonly unknown[] | undefined
  const read = async (): Promise<void> => {
    for (;;) {
      const line = JSON.parse(await process.line()) as Line
      if ('sees' in line) seen = line.sees
      else if ('error' in line) waiting.shift()?.reject(new Error(`${name}: ${line.error}`))
      else waiting.shift()?.resolve(line.answer)
    }
  }
  const ready = answered()
  read().catch((error: unknown) => waiting.splice(0).forEach(({ reject }) => reject(error as Error)))
  await ready
  return {
    ask: asked => {
      process.write(JSON.stringify(asked))
      return answered()
    },
    seen: () => seen,
    kill: async () => {
      process.signal('SIGKILL')
      await process.ended
    },
  }
}
