/** What a server answers about its health. */
export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'

const statuses: readonly ServingStatus[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

const varint = (value: number): readonly number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)])

/** `grpc.health.v1.HealthCheckRequest`: field 1 is the service. */
export const request = (service: string): Buffer => {
  const text = Buffer.from(service)
  return text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text])
}

/** `grpc.health.v1.HealthCheckResponse`: field 1 is the status, 0 when absent; any other field is unknown to the protocol. */
export const statusIn = (response: Buffer): ServingStatus => {
  if (response.length === 0) return 'UNKNOWN'
  const status = response.length === 2 && response[0] === 0x08 ? statuses[response[1] ?? 0] : undefined
  if (status === undefined) throw new Error(`the answer is none of grpc.health.v1: ${response.subarray(0, 16).toString('hex')}`)
  return status
}
