/** What a service instance says of itself; only `up` ones are chosen. */
export type Status = 'starting' | 'up' | 'draining' | 'down'

/** One running instance of a service. */
export interface ServiceInstance<M = unknown> {
  readonly service: string
  readonly id: string
  /** `host:port`, IPv6 in brackets. */
  readonly address: string
  /** Further addresses by name, such as `{ http: 'http://…', grpc: '…' }`. */
  readonly endpoints: Readonly<Record<string, string>>
  readonly status: Status
  readonly weight: number
  readonly zone: string
  readonly version: string
  readonly tags: readonly string[]
  readonly metadata: M
}
