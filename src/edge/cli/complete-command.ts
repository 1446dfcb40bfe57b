import { Command } from 'commander'
import { firstValueFrom, map, of, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { overridePrefix } from '../../core/register/desired.js'
import { quotedValue } from '../../core/validation.js'
import { projection } from '../../core/view/projection.js'
import { timeout } from '../../flow/clock.js'
import { listing } from '../../flow/discovery/listing.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { completionScripts } from './completion-scripts.js'
import { completions, type NamesInEtcd } from './completions.js'
import type { Host } from './host.js'
import { printable } from './output.js'
import { settingsOf } from './settings.js'

/** How long names may take, ms: a person waits for them. */
const patience = 500

/** `complete <shell>`: prints the script that completes command lines. */
export const completeCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('complete')
    .description('print the script that lets bash, zsh or fish complete command lines, with the names of services and instances')
    .argument('<shell>', Object.keys(completionScripts).join(', '))
    .action((shell: string) => {
      const script = completionScripts[shell]
      if (script === undefined) throw new InvalidArgument('shell', `must be bash, zsh or fish, got ${quotedValue(shell)}`)
      host.print(script)
      exit(0)
    })

const keysUnder = (registry: ReadableRegistry, prefix: string): Observable<readonly string[]> => registry.check(prefix, 0).pipe(map(({ changed }) => changed.map(({ key }) => key)))

/** The id of an instance may be in its value. */
const instancesIn = (registry: ReadableRegistry, format: Format, root: string): Observable<readonly string[]> =>
  listing(registry, root, projection(format, {})).pipe(map(({ services }) => services.toArray().flatMap(({ service, instances }) => instances.toArray().map(({ id }) => `${service}/${id}`))))

const namesIn = (registry: ReadableRegistry, format: Format, names: NamesInEtcd): Observable<readonly string[]> => {
  const { root, serviceOf } = format
  if (names === 'overridden') return keysUnder(registry, overridePrefix).pipe(map(keys => keys.map(key => key.slice(overridePrefix.length))))
  if (root === undefined) return of([])
  return names === 'instances' ? instancesIn(registry, format, root) : keysUnder(registry, root).pipe(map(keys => keys.flatMap(key => serviceOf?.(key) ?? [])))
}

/** Names that etcd knows, or none if etcd does not answer soon. */
const namesInEtcd = async (host: Host, options: Readonly<Record<string, unknown>>, names: NamesInEtcd): Promise<readonly string[]> => {
  try {
    const { connection, format } = settingsOf({ format: 'native', ...options }, host)
    const registry = await host.registryOf(connection)
    try {
      const found = await firstValueFrom(namesIn(registry, format, names).pipe(timeout({ first: patience, with: () => of([]) })), { defaultValue: [] })
      return [...new Set(found)].sort()
    } finally {
      await registry.close({ timeout: 100 })
    }
  } catch {
    // An error would stand in the middle of the line.
    return []
  }
}

/** `complete-words -- <word...>`: prints what can be the last one of these words, each with its description. The scripts call it. */
export const completeWordsCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('complete-words').argument('[word...]').action(async (words: readonly string[], _: unknown, command: Command) => {
    const { parent: program } = command
    const current = words.at(-1) ?? ''
    if (program === null) return
    const { words: fixed, names, start = '', options } = completions(program, words)
    const found = names === undefined ? [] : await namesInEtcd(host, options, names)
    const all = [...fixed, ...found.map(word => ({ word, description: '' }))].map(({ word, description }) => ({ word: `${start}${word}`, description }))
    const fitting = all.filter(({ word }) => word.startsWith(current))
    host.print(fitting.map(({ word, description }) => `${printable(word)}${description === '' ? '' : `\t${printable(description)}`}\n`).join(''))
    exit(0)
  })
