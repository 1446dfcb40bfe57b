import { program, spawned, type Program } from '../../test/etcd/program.js'

/** What a process has used so far, ms and bytes. */
export interface Used {
  readonly cpu: number
  /** After a collection. */
  readonly heap: number
  readonly rss: number
  readonly sockets: number
}

/** One that is measured, in a process of its own: it answers each order with one line of JSON. */
export interface Subject {
  readonly name: string
  readonly ask: <A>(order: Readonly<Record<string, unknown>>) => Promise<A>
  readonly end: () => Promise<unknown>
}

const subject = (name: string, { write, line, signal, ended }: Program): Subject => ({
  name,
  ask: async <A>(order: Readonly<Record<string, unknown>>) => {
    write(JSON.stringify(order))
    return JSON.parse(await line()) as A
  },
  end: () => {
    signal('SIGKILL')
    return ended
  },
})

/** Starts a program of this folder. */
export const started = (file: string, name: string, ...args: readonly (string | number)[]): Subject =>
  subject(name, program(`bench/etcd/${file}.program.ts`, [name, ...args.map(String)], { env: { NODE_OPTIONS: '--expose-gc' } }))

/** Starts the Go program. */
export const startedGo = (binary: string, ...args: readonly (string | number)[]): Subject => subject('Go', spawned('Go', [binary, ...args.map(String)]))

/** Runs `measure` with subjects, and ends them whatever comes of it. */
export const withSubjects = async <A>(subjects: readonly Subject[], measure: (subjects: readonly Subject[]) => Promise<A>): Promise<A> => {
  try {
    return await measure(subjects)
  } finally {
    await Promise.all(subjects.map(({ end }) => end()))
  }
}
