import { leaseHex } from '../../core/errors.js'
import type { ServiceInstance, Status } from '../../core/instance/instance.js'
import { overridePrefix } from '../../core/register/desired.js'
import type { Remaining } from '../../core/store.js'
import type { FoundFormats } from './find-formats.js'
import type { KnownOverrides } from './known-overrides.js'
import type { Listed, ListedKey, ListedService } from './listed.js'
import { counted } from './counted.js'
import { leftOverOverrides } from './left-over-overrides.js'
import { notesOf } from './notes-of.js'
import { printable, printableJson } from './output.js'
import { someOf } from './some-of.js'
import { splitName } from './split-name.js'

/** What `list` prints. */
export interface ListReport {
  readonly listed: readonly Listed[]
  /** With `--format auto`: the formats that were found. */
  readonly formats: FoundFormats | undefined
  /** Those of the listed services; `undefined` if they may not be read. */
  readonly overrides: KnownOverrides | undefined
  /** With `--wide`: what is left of each lease, as far as it is known. */
  readonly leases: ReadonlyMap<string, Remaining> | undefined
  /** If something is empty: what else there is in etcd, as far as it may be read. */
  readonly elsewhere: FoundFormats | undefined
  /** Whether one member was asked, which may be behind. */
  readonly isStale: boolean
}

/** Rows as lines, with aligned columns. */
const tableOf = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0))
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

const formatLines = ({ found, keys, skipped }: FoundFormats): readonly string[] => [
  ...found.map(({ format, services, keys: own }) => `found ${format.name}${format.root === undefined ? '' : ` under ${format.root}`}: services ${services.length}, keys ${own}`),
  ...(found.length === 0 ? [`found no format of services among ${counted(keys, 'key')}`] : []),
  ...skipped.map(({ prefix, keys: some }) => `did not look at ${counted(some, 'key')} ${prefix === '' ? 'elsewhere' : `under ${prefix}`} (list them with --format, and --prefix or service names)`),
]

const elsewhereLines = ({ found, keys }: FoundFormats, asked: readonly string[]): readonly string[] => {
  if (found.length === 0) return [keys === 0 ? 'etcd holds no key at all' : `etcd holds ${counted(keys, 'key')}, none of them a service under the prefix that a format has by default (set --prefix)`]
  return found.map(({ format: { name, root }, services }) => `there is ${name}${root === undefined ? '' : ` under ${root}`}: ${someOf(services)}${asked.includes(name) ? '' : ` (list --format ${name})`}`)
}

const placeOf = ({ target: { prefix, format } }: Listed): string => `under ${prefix} (format ${format.name})`

/** Services without instances and prefixes without services, and what there is instead. */
const emptyLines = ({ listed, formats, elsewhere }: ListReport): readonly string[] => {
  const empty = listed.flatMap(one => one.services.filter(({ content }) => content.instances.size === 0 && content.rejected.size === 0).map(({ content }) => `${content.service}: no instances ${placeOf(one)}`))
  const nothing = formats === undefined ? listed.filter(({ services }) => services.length === 0).map(one => `no services ${placeOf(one)}`) : []
  return [...empty, ...nothing, ...(elsewhere === undefined ? [] : elsewhereLines(elsewhere, listed.map(({ target }) => target.format.name)))]
}

const namesIn = (services: readonly ListedService[]): ReadonlySet<string> => new Set(services.flatMap(({ keys, content: { service } }) => [...keys.keys()].map(id => `${service}/${id}`)))

const wideHeading = ['LEASE', 'LEFT', 'REVISION', 'INCARNATION', 'TAGS', 'KEY']

const wideCells = ({ incarnation, tags }: ServiceInstance, { key, lease, revision }: ListedKey, leases: ReadonlyMap<string, Remaining>): readonly string[] => {
  const remaining = leases.get(lease)
  const left = remaining === undefined ? '-' : remaining.left < 0 ? 'expired' : `${remaining.left}/${remaining.granted} s`
  return [lease === '0' ? '-' : leaseHex(lease), left, String(revision), incarnation || '-', tags.join(',') || '-', key]
}

const unknownKey: ListedKey = { key: '-', lease: '0', revision: 0 }

/** The report as text. */
export const listText = (report: ListReport): string => {
  const { listed, formats, overrides = new Map<string, Status>(), leases, isStale } = report
  const services = listed.flatMap(one => one.services)
  const inAuto = (cell: string): readonly string[] => (formats === undefined ? [] : [cell])
  const rows = services.flatMap(({ format, content, keys }) =>
    content.instances.toArray().map(instance => {
      const { service, id, address, status, weight, version, zone } = instance
      const wide = leases === undefined ? [] : wideCells(instance, keys.get(id) ?? unknownKey, leases)
      return [...inAuto(format), service, id, address, status, String(weight), version || '-', zone || '-', ...wide, notesOf(instance, overrides.get(`${service}/${id}`)).join(', ')]
    }),
  )
  const heading = [...inAuto('FORMAT'), 'SERVICE', 'ID', 'ADDRESS', 'STATUS', 'WEIGHT', 'VERSION', 'ZONE', ...(leases === undefined ? [] : wideHeading)]
  return [
    ...(isStale ? ['read from one member, which may be behind (--stale)'] : []),
    ...(formats === undefined ? [] : formatLines(formats)),
    ...(rows.length === 0 ? [] : tableOf([heading, ...rows])),
    ...emptyLines(report),
    ...leftOverOverrides(namesIn(services), overrides),
    ...services.flatMap(({ content }) => [...content.rejected.values()]).map(({ key, reason }) => `! ${key}: ${reason}`),
    ...listed.filter(({ unexplained }) => unexplained.length > 0).map(({ unexplained, target: { prefix, format } }) => `! ${counted(unexplained.length, 'key')} under ${prefix} that ${format.name} does not explain: ${someOf(unexplained)}`),
  ]
    .map(line => `${printable(line)}\n`)
    .join('')
}

const remainingFields = (remaining: Remaining | undefined): object => (remaining === undefined ? {} : { ttl: remaining.granted, left: remaining.left })

const foundFields = ({ found }: FoundFormats): readonly object[] => found.map(({ format, services, keys }) => ({ format: format.name, root: format.root, services: services.length, keys }))

/** The report as one JSON document. Lease ids are decimal strings, since a number loses their last digits. */
export const listDocument = ({ listed, formats, overrides, leases, elsewhere, isStale }: ListReport): string =>
  printableJson({
    ...(isStale && { stale: true }),
    ...(formats !== undefined && { formats: foundFields(formats), skipped: formats.skipped }),
    services: listed.flatMap(({ services }) =>
      services.map(({ format, revision, keys, content: { service, instances, rejected } }) => ({
        ...(formats !== undefined && { format }),
        service,
        revision,
        instances: instances.toArray().map(instance => {
          const { key, lease, revision: written } = keys.get(instance.id) ?? unknownKey
          return { ...instance, key, leaseId: lease, revision: written, ...remainingFields(leases?.get(lease)) }
        }),
        rejected: [...rejected.values()],
      })),
    ),
    ...(overrides !== undefined && {
      overrides: [...overrides].map(([name, status]) => ({ ...splitName(name), key: `${overridePrefix}${name}`, status })),
    }),
    ...(listed.some(({ unexplained }) => unexplained.length > 0) && { unexplained: listed.flatMap(({ unexplained }) => unexplained) }),
    ...(elsewhere !== undefined && { elsewhere: foundFields(elsewhere) }),
  })
