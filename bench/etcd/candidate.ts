import { program, spawned, type Program } from '../../test/etcd/program.js'

/** What a process has used so far: CPU time in ms, memory in bytes. */
export interface Used {
  readonly cpu: number
  /** After a garbage collection. */
  readonly heap: number
  readonly rss: number
  readonly sockets: number
}

/** What is measured, in a process of its own. It answers each command with one line of JSON. */
export interface Candidate {
  readonly name: string
  readonly ask: <A>(command: Readonly<Record<string, unknown>>) => Promise<A>
  readonly end: () => Promise<unknown>
}

const candidate = (name: string, { write, line, signal, ended }: Program): Candidate => ({
  name,
  ask: async <A>(command: Readonly<Record<string, unknown>>) => {
    write(JSON.stringify(command))
    return JSON.parse(await line()) as A
  },
  end: () => {
    signal('SIGKILL')
    return ended
  },
})

/** Starts a program of this folder. */
export const started = (file: string, name: string, ...args: readonly (string | number)[]): Candidate =>
  candidate(name, program(`bench/etcd/${file}.program.ts`, [name, ...args.map(String)], { env: { NODE_OPTIONS: '--expose-gc' } }))

/** Starts the Go program. */
export const startedGo = (binary: string, ...args: readonly (string | number)[]): Candidate => candidate('Go', spawned('Go', [binary, ...args.map(String)]))

/** Runs `measure` with candidates, and ends them in any case. */
export const withCandidates = async <A>(candidates: readonly Candidate[], measure: (candidates: readonly Candidate[]) => Promise<A>): Promise<A> => {
  try {
    return await measure(candidates)
  } finally {
    await Promise.all(candidates.map(({ end }) => end()))
  }
}
