import { longestText, mostPerMessage, mostRows, signs, tones, type FrameMessage, type LeaseState, type Line, type Marble } from './messages.js'

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const textOf = (value: unknown, longest = longestText): string | undefined => (typeof value === 'string' ? value.slice(0, longest) : undefined)
const numberOf = (value: unknown, most = Number.MAX_SAFE_INTEGER): number | undefined => (typeof value === 'number' && value >= 0 && value <= most ? value : undefined)
const oneOf = <T extends string>(values: readonly T[], value: unknown): T | undefined => values.find(each => each === value)
/** What can be read of a list. */
const listOf = <T>(value: unknown, read: (fields: Fields) => T | undefined): readonly T[] =>
  Array.isArray(value) ? value.slice(0, mostPerMessage).flatMap((each: unknown) => (isFields(each) ? (read(each) ?? []) : [])) : []

const marbleOf = (fields: Fields): Marble | undefined => {
  const [row, at, sign, tone] = [numberOf(fields['row'], mostRows - 1), numberOf(fields['at']), oneOf(signs, fields['sign']), oneOf(tones, fields['tone'])]
  const [label, text] = [textOf(fields['label'], 8), textOf(fields['text'])]
  if (row === undefined || !Number.isInteger(row) || at === undefined || sign === undefined || tone === undefined || label === undefined || text === undefined) return undefined
  return { row, at, sign, label, tone, text }
}

const lineOf = (fields: Fields): Line | undefined => {
  const [level, text] = [oneOf(['log', 'warn', 'error'] as const, fields['level']), textOf(fields['text'])]
  return level === undefined || text === undefined ? undefined : { level, text }
}

const leaseOf = (fields: Fields): LeaseState | undefined => {
  const [id, holds] = [textOf(fields['id'], 40), textOf(fields['holds'], 200)]
  return id === undefined || holds === undefined ? undefined : { id, holds }
}

/** Reads a message of the frame, in which foreign code runs. `undefined`: it is none. */
export const readMessage = (data: unknown): FrameMessage | undefined => {
  if (!isFields(data)) return undefined
  const at = numberOf(data['at'])
  const skipped = numberOf(data['skipped']) ?? 0
  switch (data['type']) {
    case 'ready':
      return { type: 'ready' }
    case 'loaded':
      return { type: 'loaded', failed: data['failed'] === true }
    case 'row': {
      const [row, name] = [numberOf(data['row'], mostRows - 1), textOf(data['name'], 60)]
      return row === undefined || !Number.isInteger(row) || name === undefined ? undefined : { type: 'row', row, name }
    }
    case 'marbles':
      return { type: 'marbles', marbles: listOf(data['marbles'], marbleOf), skipped }
    case 'lines':
      return { type: 'lines', lines: listOf(data['lines'], lineOf), skipped }
    case 'pulled': {
      const text = textOf(data['text'], 60)
      return at === undefined || text === undefined ? undefined : { type: 'pulled', at, text }
    }
    case 'state': {
      const revision = numberOf(data['revision'])
      const held = Array.isArray(data['held']) ? data['held'] : []
      if (at === undefined || revision === undefined) return undefined
      return { type: 'state', at, revision, leases: listOf(data['leases'], leaseOf), held: (['freeze', 'deny', 'lag'] as const).filter(lever => held.includes(lever)) }
    }
    default:
      return undefined
  }
}
