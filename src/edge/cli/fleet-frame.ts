import { styleText } from 'node:util'
import { leased } from '../../core/instance/leased.js'
import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import type { SetState } from '../../core/sets/service-set.js'
import { counted } from './counted.js'
import { errorText, outageKey } from './failure.js'
import { isSick } from './is-sick.js'
import { leftOverOverrides } from './left-over-overrides.js'
import { notesOf } from './notes-of.js'
import { printable } from './output.js'
import { splitName } from './split-name.js'
import type { Since, Watched } from './watched.js'

/** How a frame is made. */
export interface FrameOptions {
  /** The size of the terminal, in characters. */
  readonly columns: number
  readonly rows: number
  /** Epoch ms. */
  readonly now: number
  readonly colours: boolean
  /** Shows only what is sick. */
  readonly errors: boolean
}

type Style = Parameters<typeof styleText>[0]
/** A part of a line, in one style. */
interface Part {
  readonly text: string
  readonly style?: Style | undefined
}
type Row = readonly Part[]

const statusStyles: Readonly<Record<Status, Style>> = { up: 'green', starting: 'cyan', draining: 'yellow', down: 'red' }

const clock = (ms: number): string => `${new Date(ms).toISOString().slice(11, 19)}Z`

/** A duration in its largest unit, such as `90s`, `5m`, `3h`, `2d`. */
const duration = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 100) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 100) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}

const ageOf = (since: Since | undefined, now: number): string => (since === undefined ? '-' : `${since.orLonger ? '>' : ''}${duration(now - since.at)}`)

/** As much of a row as fits, with an ellipsis if that is not all. */
const clipped = (row: Row, columns: number): Row => {
  const width = Array.from(row.map(({ text }) => text).join('').trimEnd()).length
  if (width <= columns) return row
  let left = Math.max(0, columns - 1)
  const parts = row.map(({ text, style }) => {
    const chars = Array.from(text).slice(0, left)
    left -= chars.length
    return { text: chars.join(''), style }
  })
  return columns < 1 ? [] : [...parts, { text: '…' }]
}

const painted = (row: Row, colours: boolean): string =>
  row.map(({ text, style }) => (colours && style !== undefined && text !== '' ? styleText(style, text, { validateStream: false }) : text)).join('').trimEnd()

const nameOf = ({ service, id }: ServiceInstance): string => `${service}/${id}`

const headOf = ({ fleet, overrides }: Watched, instances: readonly ServiceInstance[], now: number): Row => {
  const sets = [...fleet.sets.values()]
  const count = (status: Status): number => instances.filter(instance => instance.status === status).length
  const parts = (['up', 'starting', 'draining', 'down'] as const).flatMap(status => (count(status) === 0 ? [] : [{ text: `${count(status)} ${status}`, style: statusStyles[status] }]))
  const without = instances.filter(instance => !leased(instance)).length
  const all = [
    ...parts,
    ...(without === 0 ? [] : [{ text: `${without} without a lease`, style: 'yellow' as const }]),
    ...(overrides.size === 0 ? [] : [{ text: `${overrides.size} overridden`, style: 'yellow' as const }]),
  ]
  const revision = Math.max(0, fleet.state?.revision ?? 0, ...sets.map(set => set.revision))
  return [
    { text: `${counted(sets.length, 'service')}, ${counted(instances.length, 'instance')}`, style: 'bold' },
    ...all.flatMap((part, at) => [{ text: at === 0 ? ': ' : ', ' }, part]),
    { text: `; revision ${revision}, ${clock(now)}`, style: 'dim' },
  ]
}

/** What matters comes first: a window may be too narrow for the whole reason. */
const bannerOf = (services: readonly string[] | undefined, { status, trouble, asOf }: SetState, now: number): Row => {
  const parts = [
    status.toUpperCase() + (services === undefined ? '' : ` ${services.join(', ')}`),
    ...(status === 'stale' ? [`as of ${clock(asOf)}`] : []),
    trouble === undefined ? 'waiting for the first answer of etcd' : `for ${duration(now - trouble.since)} because ${errorText(trouble.error)}; retrying`,
  ]
  return [{ text: printable(` ${parts.join(', ')} `), style: status === 'stale' ? ['inverse', 'red'] : ['inverse', 'yellow'] }]
}

/** One banner for each reason why sets are not live. */
const bannersOf = ({ fleet: { sets, state } }: Watched, now: number): readonly Row[] => {
  if (state !== undefined) return state.status === 'live' ? [] : [bannerOf(undefined, state, now)]
  const reasons = new Map<string, { readonly services: string[]; readonly state: SetState }>()
  for (const set of sets.values()) {
    if (set.status === 'live') continue
    const key = `${set.status} ${set.trouble === undefined ? '' : outageKey(set.trouble.error)}`
    const known = reasons.get(key)
    if (known === undefined) reasons.set(key, { services: [set.service], state: set })
    else known.services.push(set.service)
  }
  return [...reasons.values()].map(reason => bannerOf(reason.services, reason.state, now))
}

const titles = ['SERVICE', 'ID', 'ADDRESS', 'STATUS', 'AGE', 'WEIGHT', 'VERSION', 'ZONE']
const statusColumn = titles.indexOf('STATUS')

const cellsOf = (instance: ServiceInstance, override: Status | undefined, age: string): readonly string[] => {
  const { service, id, address, status, weight, version, zone } = instance
  return [service, id, address, [status, ...notesOf(instance, override)].join(', '), age, String(weight), version || '-', zone || '-'].map(printable)
}

const statusStyle = (instance: ServiceInstance, override: Status | undefined): Style => (instance.status === 'up' && notesOf(instance, override).length > 0 ? 'yellow' : statusStyles[instance.status])

const tableOf = ({ since, overrides }: Watched, instances: readonly ServiceInstance[], now: number): readonly Row[] => {
  const cells = instances.map(instance => cellsOf(instance, overrides.get(nameOf(instance)), ageOf(since.get(instance.service)?.get(instance.id), now)))
  const widths = titles.map((title, column) => cells.reduce((widest, row) => Math.max(widest, Array.from(row[column] ?? '').length), title.length))
  const row = (texts: readonly string[], styleOf: (column: number) => Style | undefined): Row =>
    texts.map((text, column) => ({ text: `${text}${' '.repeat((widths[column] ?? 0) - Array.from(text).length + 2)}`, style: styleOf(column) }))
  const styles = instances.map(instance => statusStyle(instance, overrides.get(nameOf(instance))))
  return [row(titles, () => 'dim'), ...cells.map((texts, at) => row(texts, column => (column === statusColumn ? styles[at] : undefined)))]
}

const more = (count: number, noun: string): Row => [{ text: `… and ${count} more ${noun}${count === 1 ? '' : 's'}`, style: 'dim' }]

/** The first ones, and how many there are besides. */
const upTo = (rows: readonly Row[], most: number, noun: string): readonly Row[] => {
  if (rows.length <= most) return rows
  const shown = Math.max(0, most - 1)
  return most < 1 ? [] : [...rows.slice(0, shown), more(rows.length - shown, noun)]
}

/** The rows about overrides of instances that are not there, of services that have been read. */
const leftOverRows = ({ fleet: { sets, state }, overrides }: Watched, instances: readonly ServiceInstance[]): readonly Row[] => {
  const isRead = (service: string): boolean => (state ?? sets.get(service) ?? { status: 'pending' }).status !== 'pending'
  const known = new Map([...overrides].filter(([name]) => isRead(splitName(name).service)))
  return leftOverOverrides(new Set(instances.map(nameOf)), known).map((text): Row => [{ text: printable(text), style: 'yellow' }])
}

/** How many left over overrides, and how many entries that cannot be read, are shown if there are more instances than fit. */
const few = 3

/**
 * The lines of a terminal that show the services: how many there are, why they are stale, the instances, and the entries that cannot be read. Sick
 * instances come first, so that those that do not fit are the healthy ones.
 */
export const fleetFrame = (watched: Watched, { columns, rows, now, colours, errors }: FrameOptions): readonly string[] => {
  const sets = [...watched.fleet.sets.values()]
  const all = sets.flatMap(set => set.toArray())
  // A registration that does not follow its override needs a look, too.
  const needsLook = (instance: ServiceInstance): boolean => isSick(instance) || watched.overrides.has(nameOf(instance))
  const sick = all.filter(needsLook)
  const listed = errors ? sick : [...sick, ...all.filter(instance => !needsLook(instance))]
  const rejected = sets.flatMap(({ rejected: entries }) => [...entries.values()]).map(({ key, reason }): Row => [{ text: printable(`! ${key}: ${reason}`), style: 'red' }])
  const head = [headOf(watched, all, now), ...bannersOf(watched, now)]
  const { state } = watched.fleet
  const isRead = state === undefined ? sets.some(({ status }) => status !== 'pending') : state.status !== 'pending'
  const leftOver = leftOverRows(watched, all)
  const nothing = errors && isRead && rejected.length + leftOver.length === 0 ? 'nothing is sick' : all.length === 0 && isRead ? 'no instances' : ''
  const [title = [], ...body]: readonly Row[] = listed.length === 0 ? [[{ text: nothing }]] : tableOf(watched, listed, now)
  const left = Math.max(0, rows - head.length - 1)
  const rejectedLines = upTo(rejected, Math.min(left, Math.max(few, left - body.length - leftOver.length)), 'rejected key')
  const leftOverLines = upTo(leftOver, Math.min(left - rejectedLines.length, Math.max(few, left - body.length - rejectedLines.length)), 'override')
  const lines = [...head, title, ...upTo(body, left - leftOverLines.length - rejectedLines.length, 'instance'), ...leftOverLines, ...rejectedLines]
  return lines.slice(0, rows).map(line => painted(clipped(line, columns), colours))
}
