/** The health of a server or service, as its server reports it. */
export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'

/** The names of the statuses by their numbers. */
export const servingStatuses: readonly ServingStatus[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

const varint = (value: number): readonly number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)])

/** Encodes a `grpc.health.v1.HealthCheckRequest`: field 1 is the service. */
export const encodeRequest = (service: string): Buffer => {
  const text = Buffer.from(service)
  return text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text])
}

/** Decodes a `grpc.health.v1.HealthCheckResponse`: field 1 is the status, 0 if absent. The protocol has no other field, so it throws on any. */
export const decodeResponse = (response: Buffer): ServingStatus => {
  if (response.length === 0) return 'UNKNOWN'
  const status = response.length === 2 && response[0] === 0x08 ? servingStatuses[response[1] ?? 0] : undefined
  if (status === undefined) throw new Error(`the response must be a grpc.health.v1.HealthCheckResponse, got the bytes ${response.subarray(0, 16).toString('hex')}`)
  return status
}
