import type { Change, Revision } from '../../../core/store.js'
import { reader, toDecimal, toNumber, toUnsigned, type Field } from './protobuf.js'
import { textIn } from './text-in.js'

/** The fields of a response's header that this edge reads. */
export interface Header {
  readonly cluster: string
  readonly revision: Revision
}

/** An answer to a range, whose key-values are located but not read yet. */
export interface Page extends Header {
  readonly bytes: Buffer
  /** The start and end of each key-value, in pairs. */
  readonly bounds: readonly number[]
  readonly more: boolean
  readonly count: number
}

/** A response of a watch stream. */
export interface WatchResponse extends Header {
  readonly id: string
  readonly created: boolean
  readonly canceled: boolean
  readonly compacted: Revision
  readonly reason: string
  readonly fragment: boolean
  readonly changes: readonly Change[]
}

const noHeader: Header = { cluster: '0', revision: 0 }

// Nearly all messages carry the same cluster id, so the last one is kept as text.
let latest = { low: 0, high: 0, text: '0' }
const clusterIn = ({ low, high }: Field): string => {
  if (low !== latest.low || high !== latest.high) latest = { low, high, text: toUnsigned({ low, high }) }
  return latest.text
}

const headerIn = (bytes: Buffer, start: number, end: number): Header => {
  let cluster = '0'
  let revision = 0
  const fields = reader(bytes, start, end)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    if (field.number === 1) cluster = clusterIn(field)
    else if (field.number === 3) revision = toNumber(field)
  return { cluster, revision }
}

/** The header of a response; zeros if it has none. */
export const headerOf = (bytes: Buffer): Header => {
  const first = reader(bytes).next()
  return first?.number === 1 ? headerIn(bytes, first.start, first.end) : noHeader
}

/** Reads an answer to a keep-alive: the TTL in seconds, 0 if the lease is gone. */
export const readKeepAlive = (bytes: Buffer): { readonly id: string; readonly ttl: number } => {
  let id = '0'
  let ttl = 0
  const fields = reader(bytes)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    if (field.number === 2) id = toDecimal(field)
    else if (field.number === 3) ttl = toNumber(field)
  return { id, ttl }
}

/** Locates the key-values of an answer to a range. */
export const readPage = (bytes: Buffer): Page => {
  const bounds: number[] = []
  let more = false
  let count = 0
  const fields = reader(bytes)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    if (field.number === 2) bounds.push(field.start, field.end)
    else if (field.number === 3) more = field.low !== 0
    else if (field.number === 4) count = toNumber(field)
  return { ...headerOf(bytes), bytes, bounds, more, count }
}

/** The bytes of the key of a key-value at this position; a copy. */
export const readKey = (bytes: Buffer, start: number, end: number): Buffer => {
  const fields = reader(bytes, start, end)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    if (field.number === 1) return Buffer.from(bytes.subarray(field.start, field.end))
  return Buffer.alloc(0)
}

/** Reads a key-value into strings of its own (see `textIn`), so that it does not keep its whole message in memory. */
export const readChange = (bytes: Buffer, start: number, end: number, deleted = false): Change => {
  let key = ''
  let value = ''
  let revision = 0
  let lease = '0'
  const fields = reader(bytes, start, end)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    switch (field.number) {
      case 1:
        key = textIn(bytes, field.start, field.end)
        break
      case 3:
        revision = toNumber(field)
        break
      case 5:
        value = textIn(bytes, field.start, field.end)
        break
      case 6:
        lease = toDecimal(field)
        break
    }
  return deleted ? { key, value: null, lease: '0', revision } : { key, value, lease, revision }
}

const readEvent = (bytes: Buffer, start: number, end: number): Change => {
  let deleted = false
  let from = 0
  let to = 0
  const fields = reader(bytes, start, end)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    if (field.number === 1) deleted = field.low === 1
    else if (field.number === 2) {
      from = field.start
      to = field.end
    }
  return readChange(bytes, from, to, deleted)
}

/** Reads a response of a watch stream. */
export const readWatch = (bytes: Buffer): WatchResponse => {
  let header = noHeader
  let id = '0'
  let created = false
  let canceled = false
  let compacted = 0
  let reason = ''
  let fragment = false
  const changes: Change[] = []
  const fields = reader(bytes)
  for (let field = fields.next(); field !== undefined; field = fields.next())
    switch (field.number) {
      case 1:
        header = headerIn(bytes, field.start, field.end)
        break
      case 2:
        id = toDecimal(field)
        break
      case 3:
        created = field.low !== 0
        break
      case 4:
        canceled = field.low !== 0
        break
      case 5:
        compacted = toNumber(field)
        break
      case 6:
        reason = bytes.toString('utf8', field.start, field.end)
        break
      case 7:
        fragment = field.low !== 0
        break
      case 11:
        changes.push(readEvent(bytes, field.start, field.end))
        break
    }
  // Every field by name, since this runs for each event, and spreads cost more than the reading.
  return { cluster: header.cluster, revision: header.revision, id, created, canceled, compacted, reason, fragment, changes }
}
