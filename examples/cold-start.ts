import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catchError, concatMap, EMPTY, filter, firstValueFrom, from, throttleTime } from 'rxjs'
import { balance, discover, known, register, roundRobin, type SavedSet, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'

const directory = await mkdtemp(join(tmpdir(), 'cold-start-')) // in production, a directory that survives a restart
const file = join(directory, 'web.json')
// The rename is atomic: whenever the process dies, the file is the old one or the new one.
const save = async (set: ServiceSet): Promise<void> => {
  await writeFile(`${file}.new`, JSON.stringify(set))
  await rename(`${file}.new`, file)
}
// A file that is missing or is not JSON does not keep the process from starting.
const saved = (): Promise<SavedSet | undefined> => readFile(file, 'utf8').then(text => JSON.parse(text) as SavedSet).catch(() => undefined)

const start = async (registry: ReturnType<typeof memoryRegistry>): Promise<void> => {
  const unsaved$ = discover(registry, 'web', { local: true }) // if the file holds something else, such as {}
  const web$ = discover(registry, 'web', { initial: await saved(), local: true }).pipe(catchError(() => unsaved$))
  const saving = web$.pipe(
    filter(({ status }) => status === 'live'),
    throttleTime(1_000, undefined, { leading: true, trailing: true }), // at most one write a second, the last set included
    concatMap(set => from(save(set)).pipe(catchError((error: unknown) => (console.error('not saved:', error), EMPTY)))),
  ).subscribe()
  const { status, size, trouble } = await firstValueFrom(web$.pipe(known()))
  const { id } = await firstValueFrom(balance(web$, roundRobin(), { linger: 0 }).select())
  console.log(`${status}, ${size} instance, calls go to ${id}${trouble ? ` (${trouble.error.message})` : ''}`)
  while ((await saved())?.service === undefined) await new Promise(setImmediate) // only for this example: the first set is saved
  saving.unsubscribe()
}

const registry = memoryRegistry()
const node = register(registry, { service: 'web', id: 'node1', address: 'localhost:8000' }).subscribe()
await writeFile(file, '{}') // only for this example: a file that holds no set
await start(registry) // etcd answers, and the set is saved
registry.interrupt(60_000)
await start(registry) // the process is restarted in an outage
node.unsubscribe()
await Promise.all([registry.close(), rm(directory, { recursive: true })])
