import { defer, mergeMap, type OperatorFunction } from 'rxjs'
import { diff, type InstanceChange } from '../../core/sets/diff.js'
import { fieldDifferences } from '../../core/sets/field-differences.js'
import type { Rejection } from '../../core/formats/format.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import { leased } from '../../core/instance/leased.js'
import { pendingSet, type ServiceSet, type Trouble } from '../../core/sets/service-set.js'
import { counted } from './counted.js'
import { errorText } from './failure.js'
import { linesSince } from './lines-since.js'
import { moment, type Line } from './output.js'

const named = ({ service, id }: ServiceInstance): string => `${service}/${id}`

/** The fields of an instance other than its address, as far as they differ from the defaults. */
const extraFields = (instance: ServiceInstance): string => {
  const { service, id, address } = instance
  const defaults: ServiceInstance = { service, id, address, endpoints: {}, status: 'up', weight: 1, zone: '', version: '', tags: [], incarnation: '', metadata: {} }
  return fieldDifferences(defaults, instance).map(({ field, after }) => ` ${field}=${after}`).join('')
}

const changeLine = (change: InstanceChange): Line => {
  const { type, instance, previous } = change
  const { service, address } = instance
  if (previous === undefined) {
    const text = type === 'joined' ? `+ ${named(instance)} ${address}${extraFields(instance)}${leased(instance) ? '' : ' without a lease'}` : `- ${named(instance)} ${address}`
    return { text, json: { type, service, instance } }
  }
  const changed = fieldDifferences(previous, instance).map(({ field, before, after }) => `${field} ${before} -> ${after}`)
  const leaseChange = leased(previous) === leased(instance) ? [] : [leased(instance) ? 'has a lease' : 'has no lease']
  return { text: `~ ${named(instance)} ${[...changed, ...leaseChange].join(', ')}`, json: { type, service, instance, previous } }
}

const liveLine = ({ service, size, revision }: ServiceSet): Line => ({
  text: `${service} is live: ${counted(size, 'instance')} at revision ${revision}`,
  json: { type: 'live', service, revision, size },
})

const troubleLine = ({ service, status }: ServiceSet, { error, since, attempt, retryAt, host }: Trouble): Line => ({
  text: `${service} has been ${status} since ${moment(since)} because ${errorText(error)}; retrying`,
  json: {
    ...{ type: status, service, error: { name: error.name, message: errorText(error) } },
    ...(host !== undefined && { host }),
    ...{ since: moment(since), attempt, retryAt: moment(retryAt) },
  },
})

const rejectedLine = (service: string, { key, reason }: Rejection): Line => ({
  text: `! ${key} cannot be read: ${reason}`,
  json: { type: 'rejected', service, key, reason },
})

const clearedLine = (service: string, key: string): Line => ({
  text: `! ${key} was deleted, or can be read now`,
  json: { type: 'cleared', service, key },
})

const rejections = (service: string, before: ServiceSet['rejected'], after: ServiceSet['rejected']): readonly Line[] =>
  before === after
    ? []
    : [
        ...Array.from(after.values()).filter(({ key, reason }) => before.get(key)?.reason !== reason).map(each => rejectedLine(service, each)),
        ...Array.from(before.keys()).filter(key => !after.has(key)).map(key => clearedLine(service, key)),
      ]

/** The lines about what differs between two sets. */
export const changeLines = (before: ServiceSet, after: ServiceSet): readonly Line[] => [
  ...diff(before, after).map(changeLine),
  ...rejections(after.service, before.rejected, after.rejected),
]

/** The lines about each set in turn: what has changed since the last live one, first `live`. Each reason of an outage gives one line, however many attempts fail. */
export const followedLines = (live: ServiceSet = pendingSet('')): ((set: ServiceSet) => readonly Line[]) =>
  linesSince(live, { live: liveLine, troubled: troubleLine, changed: changeLines })

/** Turns sets into lines about what changed. */
export const setLines = (): OperatorFunction<ServiceSet, Line> => source => defer(() => source.pipe(mergeMap(followedLines())))
