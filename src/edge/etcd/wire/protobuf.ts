/** One field of a protobuf message: the position of its content, or the value of a varint. */
export interface Field {
  readonly number: number
  /** The low and high 32 bits of a varint. */
  readonly low: number
  readonly high: number
  /** The start and end of bytes. */
  readonly start: number
  readonly end: number
}

const truncated = (): never => {
  throw new RangeError('a message of etcd is incomplete or malformed (is the endpoint really an etcd?)')
}

// A class, since one is made for each part of a message, and closures would be created each time.
class Cursor implements Field {
  number = 0
  low = 0
  high = 0
  start = 0
  end = 0
  #position: number
  readonly #bytes: Buffer
  readonly #to: number

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#position = from
    this.#to = to
  }

  next(): Field | undefined {
    if (this.#position >= this.#to) return undefined
    this.#varint()
    const tag = this.low
    this.number = tag >>> 3
    switch (tag & 7) {
      case 0:
        this.#varint()
        return this
      case 2:
        this.#varint()
        return this.#content(this.low)
      case 1:
        return this.#content(8)
      case 5:
        return this.#content(4)
      default:
        return truncated()
    }
  }

  #content(length: number): Field {
    this.start = this.#position
    this.end = this.#position = this.start + length
    return this.end > this.#to ? truncated() : this
  }

  #varint(): void {
    const bytes = this.#bytes
    const to = this.#to
    let position = this.#position
    // Tags, and most lengths, take one byte.
    const first = position < to ? bytes[position] : undefined
    if (first !== undefined && first < 0x80) {
      this.#position = position + 1
      this.low = first
      this.high = 0
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
        this.low = low >>> 0
        this.high = high >>> 0
        this.#position = position
        return
      }
    }
    truncated()
  }
}

/** A cursor over `bytes`. It reads every field into the same object, since a page has a million fields. */
export const reader = (bytes: Buffer, from = 0, to = bytes.length): Cursor => new Cursor(bytes, from, to)

/** A 64-bit integer without a sign, as a decimal string. */
export const toUnsigned = ({ low, high }: Pick<Field, 'low' | 'high'>): string => {
  if (high === 0) return String(low)
  // In millions and the rest, since a number is exact only up to 2^53, and a bigint costs ten times as much.
  const rest = (high % 1e6) * 0x1_0000_0000 + low
  const millions = Math.floor(high / 1e6) * 0x1_0000_0000 + Math.floor(rest / 1e6)
  return `${millions}${String(rest % 1e6).padStart(6, '0')}`
}

/** A 64-bit integer as a decimal string. */
export const toDecimal = ({ low, high }: Pick<Field, 'low' | 'high'>): string =>
  high >>> 31 === 0 ? toUnsigned({ low, high }) : `-${toUnsigned({ low: -low >>> 0, high: (~high + (low === 0 ? 1 : 0)) >>> 0 })}`

/** An int64 as a number. Throws at 2^53 and above, since a rounded revision would be wrong. */
export const toNumber = ({ low, high }: Field): number => {
  const value = (high | 0) * 0x1_0000_0000 + low
  if (!Number.isSafeInteger(value)) throw new RangeError(`etcd's number ${toDecimal({ low, high })} is not below 2^53`)
  return value
}
