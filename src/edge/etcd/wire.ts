import type { CallOptions } from '@grpc/grpc-js'

/** One step through a protobuf message: a field, and where its content lies (or its number, of a varint). */
export interface Field {
  number: number
  /** Of a varint: its low and high 32 bits. */
  low: number
  high: number
  /** Of bytes: from where to where. */
  start: number
  end: number
}

/** A cursor over `bytes`, which reads one field at a time into one object, since a page has a million of them. */
export const reader = (bytes: Buffer, from = 0, to = bytes.length): { readonly next: () => Field | undefined } => {
  const field: Field = { number: 0, low: 0, high: 0, start: 0, end: 0 }
  let position = from
  const truncated = (): never => {
    throw new RangeError('a message of etcd is cut off or malformed')
  }
  const varint = (): void => {
    // Tags, and most lengths, are of one byte.
    const first = position < to ? bytes[position] : undefined
    if (first !== undefined && first < 0x80) {
      position++
      field.low = first
      field.high = 0
      return
    }
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= to) truncated()
      const byte = bytes[position++] ?? truncated()
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high |= bits >>> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) {
        field.low = low >>> 0
        field.high = high >>> 0
        return
      }
    }
    truncated()
  }
  const next = (): Field | undefined => {
    if (position >= to) return undefined
    varint()
    const tag = field.low
    field.number = tag >>> 3
    switch (tag & 7) {
      case 0:
        varint()
        return field
      case 2:
        varint()
        field.start = position
        field.end = position + field.low
        break
      case 1:
        field.start = position
        field.end = position + 8
        break
      case 5:
        field.start = position
        field.end = position + 4
        break
      default:
        truncated()
    }
    position = field.end
    if (position > to) truncated()
    return field
  }
  return { next }
}

/** An int64 as a number; past 2^53 an error, since a rounded revision is a wrong one. */
export const toNumber = ({ low, high }: Field): number => {
  const value = (high | 0) * 0x1_0000_0000 + low
  if (!Number.isSafeInteger(value)) throw new RangeError(`etcd's number ${toDecimal({ low, high })} does not fit a number`)
  return value
}

const word = ({ low, high }: Pick<Field, 'low' | 'high'>): bigint => (BigInt(high) << 32n) | BigInt(low)

/** A 64-bit integer as a decimal string. */
export const toDecimal = ({ low, high }: Pick<Field, 'low' | 'high'>): string =>
  high === 0 ? String(low) : String(BigInt.asIntN(64, word({ low, high })))

/** A 64-bit integer without a sign, as a decimal string. */
export const toUnsigned = (field: Pick<Field, 'low' | 'high'>): string => String(word(field))

type Intercepting = NonNullable<CallOptions['interceptors']>[number]

const raw: Intercepting = (options, nextCall) => {
  const call = nextCall(options)
  const { method_definition: method } = options
  // The call decodes by the definition it holds. Where it does not, what it decoded is encoded again: slower, and the same.
  Object.assign(call, { methodDefinition: { ...method, responseDeserialize: (bytes: Buffer) => bytes } })
  const encode = (message: unknown): unknown => (method as unknown as { readonly responseSerialize: (message: unknown) => Buffer }).responseSerialize(message)
  const start = call.start.bind(call)
  call.start = (metadata, listener) =>
    start(metadata, {
      ...listener,
      onReceiveMessage: (message: unknown) =>
        listener?.onReceiveMessage?.(message === null || Buffer.isBuffer(message) ? message : encode(message)),
    })
  return call as never
}

/**
 * Options of an RPC that is to be answered in bytes. etcd3 decodes a whole message at once, with ten objects and five strings a key:
 * 100,000 keys hold the event loop for 300 ms.
 */
export const inBytes = (options: CallOptions): CallOptions => ({ ...options, interceptors: [...(options.interceptors ?? []), raw] })

/** The same call, answered in bytes. */
export const bytes = <T>(options: CallOptions, run: (options: CallOptions) => Promise<T>): Promise<Buffer> =>
  run(inBytes(options)) as Promise<unknown> as Promise<Buffer>
