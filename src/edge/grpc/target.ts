import { serviceName } from '../../core/instance/names.js'
import { invalid, quotedValue } from '../../core/validation.js'
import { InvalidArgument } from '../../core/errors.js'

/** The part of a parsed target that names the service. */
interface Target {
  readonly scheme?: string | undefined
  readonly authority?: string | undefined
  readonly path: string
}

const decoded = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/**
 * The service that a target such as `etcd:///foo/bar` names. Its path is percent-decoded, as in grpc-go. Throws `InvalidArgument` if the path is no service
 * name, or if there is an authority, which would be ignored: the registry is the one that was given to `registerResolver`.
 */
export const serviceOfTarget = ({ scheme = '', authority = '', path }: Target): string => {
  const written = `${scheme}:${authority === '' ? '' : `//${authority}/`}${path}`
  const example = `write ${scheme}:///greeter`
  if (authority !== '') throw new InvalidArgument('target', `must have three slashes and the name of a service, got ${quotedValue(written)} (${example})`)
  const service = decoded(path.replace(/^\//, ''))
  if (service === undefined) throw new InvalidArgument('target', `must be percent-encoded UTF-8, got ${quotedValue(written)} (write %25 for a percent sign)`)
  const found = serviceName(service)
  if (found !== undefined) throw invalid('target', { ...found, must: `must name a service, which ${found.must}`, hint: example })
  return service
}

/** The `:authority` of calls to a service: its name, percent-encoded as by `encodeAuthority` of grpc-go (`clientconn.go`; RFC 3986, 3.2). */
export const authorityOf = (service: string): string => encodeURIComponent(service).replace(/%(?:24|26|2B|2C|3A|3B|3D|40|5B|5D)/g, decodeURIComponent)

/** A host that may stand in a URL, where Node refuses an encoded slash: grpc-js opens connections to `http://` and the authority. */
export const hostOf = (authority: string): string => authority.replace(/%../g, '-')
