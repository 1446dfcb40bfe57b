import { either as E, option as O } from 'fp-ts'
import type { Flaw } from '../validation.js'
import { readInstance, type ServiceInstance, type ServiceInstanceInput } from '../instance/instance.js'
import type { KeyParts, Layout } from './layout.js'

/** The fields that a stored value gives an instance. Service and id come from the key; a value that claims another service is rejected. */
export interface InstanceFields<M = unknown> extends Omit<ServiceInstanceInput<M>, 'service' | 'address' | 'endpoints' | 'tags'> {
  readonly service?: string | undefined
  readonly address: string | undefined
  /** Go writes `null` for an empty map or slice. */
  readonly endpoints?: Readonly<Record<string, string>> | null | undefined
  readonly tags?: readonly string[] | null | undefined
}

/** The instance of a key with these fields. `none`: the value claims another service, in whose own prefix the key lies, too. */
export const storedInstance = <M>({ keys }: Layout, key: string, { service, segment }: KeyParts, fields: InstanceFields<M>): E.Either<Flaw, O.Option<ServiceInstance<M>>> => {
  const { service: claimed = service, id = segment, address, status, weight, zone, version, incarnation, metadata } = fields
  if (claimed !== service)
    return typeof claimed === 'string' && key.startsWith(keys.prefix(claimed)) ? E.right(O.none) : E.left({ path: ['service'], must: 'must be that of the key' })
  const endpoints = fields.endpoints ?? undefined
  const tags = fields.tags ?? undefined
  const made = readInstance<M>({ service, id, address, endpoints, status, weight, zone, version, tags, incarnation, metadata })
  return E.isLeft(made) ? made : E.right(O.some(made.right))
}
