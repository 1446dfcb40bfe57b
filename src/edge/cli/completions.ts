import type { Command, Option } from 'commander'
import { statuses } from '../../core/instance/instance.js'
import { completionScripts } from './completion-scripts.js'
import { formatNames } from './named-format.js'
import { overrideStatuses } from './override-command.js'

/** Names that etcd knows: of services, of instances, or of instances that an operator has overridden. */
export type NamesInEtcd = 'services' | 'instances' | 'overridden'

/** What can follow on a command line: these words, or names of these. Neither: names of files, or anything. */
export interface Completions {
  readonly words: readonly { readonly word: string; readonly description: string }[]
  readonly names?: NamesInEtcd | undefined
  /** The part of the incomplete word that stands before each of them, such as `--format=`. @default '' */
  readonly start?: string
  /** The options so far, by the name that `commander` gives to them. */
  readonly options: Readonly<Record<string, unknown>>
}

/** The values of options and arguments that have few. */
const values: Readonly<Record<string, readonly string[]>> = {
  'format': formatNames,
  'status': statuses,
  'on-taken': ['wait', 'replace', 'fail'],
  'shell': Object.keys(completionScripts),
}

/** Arguments and options that are names. */
const namesOf = (command: Command | undefined, name: string): NamesInEtcd | undefined => {
  if (name === 'service') return 'services'
  if (name === 'instance') return command?.name() === 'undrain' ? 'overridden' : 'instances'
  return undefined
}

const valuesOf = (command: Command | undefined, name: string): Pick<Completions, 'words' | 'names'> => {
  const words = command?.name() === 'drain' && name === 'status' ? overrideStatuses : (values[name] ?? [])
  return { words: words.map(word => ({ word, description: '' })), names: namesOf(command, name) }
}

const takesValue = ({ required, optional }: Option, next: string | undefined): boolean => required || (optional && next?.startsWith('-') === false)

/** What can follow these words, of which the last one is incomplete, or empty. */
export const completions = (program: Command, words: readonly string[]): Completions => {
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const options: Record<string, unknown> = {}
  let command: Command | undefined
  let operands = 0
  const known = (): readonly Option[] => [...(command?.options ?? []), ...program.options].filter(({ hidden }) => !hidden)
  const optionOf = (word: string): Option | undefined => known().find(({ long, short }) => word === long || word === short)
  for (let at = 0; at < before.length; at += 1) {
    const word = before[at] ?? ''
    const [flag = '', ...rest] = word.split('=')
    const option = optionOf(flag)
    if (option === undefined) {
      if (word.startsWith('-')) continue
      if (command === undefined) command = program.commands.find(each => each.name() === word)
      else operands += 1
      continue
    }
    if (rest.length > 0) options[option.attributeName()] = rest.join('=')
    else if (takesValue(option, words[at + 1])) {
      at += 1
      if (at === before.length) return { ...valuesOf(command, option.name()), options }
      options[option.attributeName()] = before[at]
    } else options[option.attributeName()] = true
  }
  const [, flag = ''] = /^(--[^=]+)=/.exec(current) ?? []
  const valued = optionOf(flag)
  if (valued !== undefined && (valued.required || valued.optional)) return { ...valuesOf(command, valued.name()), start: `${flag}=`, options }
  if (current.startsWith('-')) return { words: known().flatMap(({ long, description }) => (long === undefined ? [] : [{ word: long, description }])), options }
  if (command === undefined) return { words: program.createHelp().visibleCommands(program).map(each => ({ word: each.name(), description: each.description() })), options }
  const { registeredArguments } = command
  const argument = registeredArguments[operands] ?? registeredArguments.filter(({ variadic }) => variadic).at(-1)
  return argument === undefined ? { words: [], options } : { ...valuesOf(command, argument.name()), options }
}
