/** A number as protobuf writes it. */
export const varint = (value: bigint): number[] => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}
/** A field that is a number. */
export const number = (field: number, value: bigint): Buffer => Buffer.from([...varint(BigInt(field << 3)), ...varint(value)])
/** A field that is text, bytes or a message. */
export const bytes = (field: number, value: Uint8Array | string): Buffer => {
  const content = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([...varint(BigInt((field << 3) | 2)), ...varint(BigInt(content.length))]), content])
}
