import { Command } from 'commander'
import { firstValueFrom, map, of, type Observable } from 'rxjs'
import { InvalidArgument } from '../../core/errors.js'
import type { Format } from '../../core/formats/format.js'
import { quotedValue } from '../../core/validation.js'
import { timeout } from '../../flow/clock.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { completionScripts } from './completion-scripts.js'
import { completions } from './completions.js'
import type { Host } from './host.js'
import { printable } from './output.js'
import { settingsOf } from './settings.js'

/** How long the names of services may take, ms: a person waits for them. */
const patience = 500

/** `complete <shell>`: prints the script that completes command lines. */
export const completeCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('complete')
    .description('print the script that lets bash, zsh or fish complete command lines, with the names of services')
    .argument('<shell>', Object.keys(completionScripts).join(', '))
    .action((shell: string) => {
      const script = completionScripts[shell]
      if (script === undefined) throw new InvalidArgument('shell', `must be bash, zsh or fish, got ${quotedValue(shell)}`)
      host.print(script)
      exit(0)
    })

const servicesIn = (registry: ReadableRegistry, { root, serviceOf }: Format): Observable<readonly string[]> =>
  root === undefined
    ? of([])
    : registry.check(root, 0).pipe(map(({ changed }) => [...new Set(changed.flatMap(({ key }) => serviceOf?.(key) ?? []))].sort()))

/** The names of services, or none if etcd does not answer soon. */
const serviceNames = async (host: Host, options: Readonly<Record<string, unknown>>): Promise<readonly string[]> => {
  try {
    const { connection, format } = settingsOf({ format: 'native', ...options }, host)
    const registry = await host.registryOf(connection)
    try {
      return await firstValueFrom(servicesIn(registry, format).pipe(timeout({ first: patience, with: () => of([]) })), { defaultValue: [] })
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
    const { words: fixed, services, options } = completions(program, words)
    const names = services ? await serviceNames(host, options) : []
    const all = [...fixed, ...names.map(word => ({ word, description: '' }))].filter(({ word }) => word.startsWith(current))
    host.print(all.map(({ word, description }) => `${printable(word)}\t${printable(description)}\n`).join(''))
    exit(0)
  })
