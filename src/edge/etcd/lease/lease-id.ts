import { randomBytes } from 'node:crypto'

/** A new lease ID: 63 random bits, above 0, in decimal. Ours, so that a grant whose answer is lost can be revoked; never derived, never used twice. */
export const leaseId = (): string => {
  const id = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE())
  return id === 0n ? leaseId() : id.toString()
}
