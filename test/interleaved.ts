import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that wait longest for etcd, 30 to 120 s. By vitest's order, which knows only sizes in a fresh clone, some of them would begin last. */
const longest = ['sse', 'demo-web', 'rotation', 'cli', 'contract', 'grpc', 'nest', 'secrets', 'leaks', 'tokens', 'lease', 'exit', 'watch', 'connection', 'bad-input', 'restarts']

const rank = ({ moduleId }: TestSpecification): number => {
  const found = longest.findIndex(name => moduleId.endsWith(`/test/etcd/${name}.test.ts`))
  return found < 0 ? longest.length : found
}

/** How many files of a project without isolation follow one another: vitest keeps a worker, with its modules, only for the next file in the queue. */
const block = 12

/**
 * Spreads the files of each project evenly over a run, so that some compute while others wait for leases and outages of etcd.
 * Vitest's own order would be project by project.
 */
export default class Interleaved extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
    const [seen, totals] = [new Map<string, number>(), new Map<string, number>()]
    const count = (counts: Map<string, number>, { project: { name } }: TestSpecification): number => {
      const next = (counts.get(name) ?? 0) + 1
      counts.set(name, next)
      return next
    }
    for (const file of sorted) count(totals, file)
    const placeOf = (file: TestSpecification): number => {
      const index = count(seen, file) - 1
      return ((file.project.config.isolate ? index : index - (index % block)) + 0.5) / (totals.get(file.project.name) ?? 1)
    }
    return sorted
      .map(file => ({ file, place: placeOf(file) }))
      .sort((a, b) => a.place - b.place)
      .map(({ file }) => file)
  }
}
