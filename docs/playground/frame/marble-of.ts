import type { InstanceChange, Registration, ServiceInstance, ServiceSet } from 'rx-discovery'
import type { Marble, Tone } from '../messages.js'
import { textOf } from './text-of.js'

/** What a value looks like. */
export type Look = Pick<Marble, 'label' | 'tone' | 'text'>

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** How many instances of a set are listed. */
const mostListed = 12

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

const instanceLine = ({ id, address, status, version, zone, tags }: ServiceInstance): string => [id, address, status, version, zone, ...tags].filter(text => text !== '').join(' ')

const isSet = (value: unknown): value is ServiceSet => isFields(value) && typeof value['service'] === 'string' && typeof value['size'] === 'number' && typeof value['toArray'] === 'function'
const setLook = (set: ServiceSet): Look => {
  const { status, size, revision, rejected, trouble } = set
  const more = size > mostListed ? [`and ${size - mostListed} more`] : []
  const lines = [
    `${status}, ${counted(size, 'instance')}`,
    ...(status === 'pending' ? [] : [`revision ${revision}`]),
    ...(trouble === undefined ? [] : [`${trouble.error.name}: ${trouble.error.message}, attempt ${trouble.attempt}`]),
    ...set.toArray().slice(0, mostListed).map(instanceLine),
    ...more,
    ...Array.from(rejected, ([key, { reason }]) => `rejected ${key}: ${reason}`).slice(0, mostListed),
  ]
  return { label: status === 'pending' ? '?' : String(size), tone: status, text: lines.join('\n') }
}

const isInstance = (value: unknown): value is ServiceInstance => isFields(value) && typeof value['id'] === 'string' && typeof value['address'] === 'string' && Array.isArray(value['tags'])

const changeTypes: Readonly<Record<InstanceChange['type'], readonly [sign: string, tone: Tone]>> = { joined: ['+', 'joined'], left: ['−', 'left'], updated: ['~', 'updated'] }
const isChange = (value: unknown): value is InstanceChange => isFields(value) && typeof value['type'] === 'string' && Object.hasOwn(changeTypes, value['type']) && isInstance(value['instance'])
const changesLook = (all: readonly InstanceChange[]): Look => {
  const types = [...new Set(all.map(({ type }) => type))]
  const [only, ...others] = types.map(type => changeTypes[type])
  return {
    label: types.map(type => `${changeTypes[type][0]}${all.filter(each => each.type === type).length}`).join(''),
    tone: only === undefined ? 'plain' : others.length > 0 ? 'mixed' : only[1],
    text: [counted(all.length, 'change'), ...all.slice(0, mostListed).map(({ type, instance }) => `${type} ${instanceLine(instance)}`)].join('\n'),
  }
}

const registrations: Readonly<Record<Registration['status'], readonly [label: string, tone: Tone]>> = {
  registering: ['…', 'pending'],
  registered: ['✓', 'live'],
  lost: ['!', 'stale'],
  taken: ['⊘', 'stale'],
  withdrawn: ['–', 'pending'],
  draining: ['↓', 'updated'],
  revoked: ['×', 'left'],
}
const isRegistration = (value: unknown): value is Registration => isFields(value) && typeof value['status'] === 'string' && Object.hasOwn(registrations, value['status'])
const registrationLook = (value: Registration): Look => {
  const [label, tone] = registrations[value.status]
  const facts = Object.entries(value).flatMap(([name, fact]: readonly [string, unknown]) => (name === 'status' || fact === undefined ? [] : [`${name}: ${textOf(fact)}`]))
  const more = value.status === 'registered' ? `, lease ${value.leaseId}` : value.status === 'lost' ? `: ${value.cause.message}` : ''
  return { label, tone, text: [`${value.status}${more}`, ...facts].join('\n') }
}

const mapLook = (map: ReadonlyMap<unknown, unknown>): Look => ({
  label: String(map.size),
  tone: 'plain',
  text: [counted(map.size, 'entry').replace('entrys', 'entries'), ...Array.from(map, ([key, value]) => `${textOf(key)}: ${textOf(value)}`).slice(0, mostListed)].join('\n'),
})

const short = (text: string): string => (text.length > 6 ? `${text.slice(0, 5)}…` : text)

/** What a marble of a value looks like: values of the library are recognised by their shape. */
export const marbleOf = (value: unknown): Look => {
  if (isSet(value)) return setLook(value)
  if (isRegistration(value)) return registrationLook(value)
  if (Array.isArray(value) && value.length > 0 && value.every(isChange)) return changesLook(value)
  if (isInstance(value)) return { label: short(value.id), tone: 'plain', text: instanceLine(value) }
  if (value instanceof Map) return mapLook(value)
  if (value instanceof Error) return { label: '!', tone: 'bad', text: textOf(value) }
  if (isFields(value)) return { label: Array.isArray(value) ? '[ ]' : '{ }', tone: 'plain', text: textOf(value, 2) }
  return { label: short(textOf(value)), tone: 'plain', text: textOf(value) }
}
