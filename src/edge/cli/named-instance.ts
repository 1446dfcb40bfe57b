import { InvalidArgument } from '../../core/errors.js'
import { instanceId, serviceName } from '../../core/instance/names.js'
import { invalidIf, quotedValue, throwIfInvalid } from '../../core/validation.js'
import type { NamedInstance } from './instance-overrides.js'
import { splitName } from './split-name.js'

/** Reads `web/node1`: the service is everything before the last `/`. Throws `InvalidArgument`. */
export const namedInstance = (text: string): NamedInstance => {
  const { service, id } = splitName(text)
  if (service === '' || id === '') throw new InvalidArgument('instance', `must be <service>/<id>, got ${quotedValue(text)} (such as web/node1)`)
  throwIfInvalid(invalidIf('instance', serviceName, service) ?? invalidIf('instance', instanceId, id))
  return { service, id }
}
