import { formats as formatsCheck, invalidOptions, serviceNames, type Checks } from '../../core/arguments.js'
import { exponential } from '../../core/backoff.js'
import { throwIfInvalid } from '../../core/validation.js'
import type { Formats } from '../../core/formats/format.js'
import { native } from '../../core/formats/native.js'
import { diff, type InstanceChange } from '../../core/sets/diff.js'
import { fieldDifferences } from '../../core/sets/field-differences.js'
import { pendingSet, type ServiceSet } from '../../core/sets/service-set.js'
import { discover } from '../../flow/discovery/discover.js'
import { replayRegistry, type Recording, type ReplayRegistry } from '../../flow/recording/replay-registry.js'
import { playedThrough, type PlayedValue } from './played-through.js'

/** Options of {@link marbles}. */
export interface MarblesOptions {
  /** The services that are drawn. @default all that occur in the recording */
  readonly services?: readonly string[]
  /** The format of the recorded instances, of a recording with `project: raw`. @default native() */
  readonly format?: Formats
}

const checks: Checks<MarblesOptions> = { services: serviceNames, format: formatsCheck }

/** The marble of a number: a letter that RxJS does not read as something else. */
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')
const marbleOf = (index: number): string => letters[index] ?? String.fromCodePoint(0x4e00 + index)

/** What a service was from one time on. */
interface Phase {
  readonly at: number
  readonly texts: readonly string[]
}

const changeText = ({ type, instance, previous }: InstanceChange): string => {
  if (previous === undefined) return type === 'left' ? `- ${instance.id}` : `+ ${instance.id} ${instance.address}${instance.status === 'up' ? '' : ` ${instance.status}`}`
  const differences = fieldDifferences(previous, instance).map(({ field, before, after }) => `${field} ${before} -> ${after}`)
  return `~ ${instance.id} ${differences.length === 0 ? 'another lease or incarnation' : differences.join(', ')}`
}

const stateText = ({ status, revision, trouble }: ServiceSet): string => `${status}${trouble === undefined ? '' : ` (${trouble.error.name})`}, revision ${revision}`

/** What is new in a set: its state, if that is another one, or only how often one has tried in vain; and its changes. */
const newsOf = (before: ServiceSet, set: ServiceSet): readonly string[] => {
  const changes = diff(before, set).map(changeText)
  const rejected = [...set.rejected.values()].filter(({ key, reason }) => before.rejected.get(key)?.reason !== reason).map(({ key, reason }) => `! ${key}: ${reason}`)
  const cleared = [...before.rejected.keys()].filter(key => !set.rejected.has(key)).map(key => `! ${key} is gone, or can be read`)
  const news = [...changes, ...rejected, ...cleared]
  const sameState = before.status === set.status && before.trouble?.error.name === set.trouble?.error.name
  return news.length === 0 && sameState ? [] : [stateText(set), ...news]
}

const phasesOf = (service: string, sets: readonly PlayedValue<ServiceSet>[]): readonly Phase[] => {
  const phases: Phase[] = []
  let shown: ServiceSet = pendingSet(service)
  for (const [index, { at, value }] of sets.entries()) {
    // What happens within one ms is one marble.
    if (sets[index + 1]?.at === at) continue
    const texts = newsOf(shown, value)
    shown = value
    if (texts.length > 0) phases.push({ at, texts })
  }
  return phases
}

/** The time between two marbles: the first one takes a ms of its own. */
const gap = (ms: number): string => (ms <= 10 ? '-'.repeat(ms) : ` ${ms}ms `)

const lineOf = (phases: readonly Phase[], from: number): string =>
  phases.map(({ at }, index) => `${gap(at - (phases[index - 1] === undefined ? from : (phases[index - 1]?.at ?? 0) + 1))}${marbleOf(index)}`).join('').trim()

const timeOf = (at: number): string => new Date(at).toISOString()

const diagramOf = (service: string, phases: readonly Phase[], { from }: ReplayRegistry): string => {
  const widest = phases.reduce((width, { at }) => Math.max(width, String(at - from).length), 0)
  const legend = phases.flatMap(({ at, texts }, index) => {
    const start = `  ${marbleOf(index)}  ${timeOf(at)}  ${String(at - from).padStart(widest)} ms  `
    return texts.map((text, line) => `${line === 0 ? start : ' '.repeat(start.length)}${text}`)
  })
  return [`${service}: ${lineOf(phases, from)}`, ...legend, ''].join('\n')
}

/**
 * A recording as a marble diagram, for a bug report: for each service a line that RxJS's `hot` and `cold` read inside `virtually`, in ms, and what each marble means. It shows what
 * `discover` emits while the recording is played; what happens within one ms is one marble. Throws `InvalidArgument`.
 *
 * @example console.log(marbles(readFileSync('incident.jsonl', 'utf8')))
 */
export const marbles = (recording: Recording, options?: MarblesOptions): string => {
  throwIfInvalid(invalidOptions<MarblesOptions>('marbles', options, checks))
  const { services, format = native() } = options ?? {}
  const { services: all, from, to } = replayRegistry(recording)
  const named = services ?? all
  const diagrams = named.map(service => {
    const registry = replayRegistry(recording)
    const sets = playedThrough<ServiceSet>(registry, discover(registry, service, { format, verify: 0, backoff: exponential({ jitter: 'none' }) }))
    return diagramOf(service, phasesOf(service, sets), registry)
  })
  return [`from ${timeOf(from)} to ${timeOf(to)}`, '', ...diagrams].join('\n')
}
