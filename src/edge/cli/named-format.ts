import { InvalidArgument } from '../../core/errors.js'
import { dubbo } from '../../core/formats/dubbo.js'
import type { Format } from '../../core/formats/format.js'
import { goFrame } from '../../core/formats/go-frame.js'
import { goKit } from '../../core/formats/go-kit.js'
import { goMicro } from '../../core/formats/go-micro.js'
import { goZero } from '../../core/formats/go-zero.js'
import { grpcNaming } from '../../core/formats/grpc-naming.js'
import { kitex } from '../../core/formats/kitex.js'
import { kratos } from '../../core/formats/kratos.js'
import { native } from '../../core/formats/native.js'
import { plain } from '../../core/formats/plain.js'
import { rpcx } from '../../core/formats/rpcx.js'
import { skyDns } from '../../core/formats/sky-dns.js'

const makers = { native, plain, grpcNaming, kratos, goZero, goKit, goMicro, kitex, dubbo, skyDns, rpcx, goFrame }

const isName = (name: string): name is keyof typeof makers => Object.hasOwn(makers, name)

/** The names of all formats, as `--format` takes them. */
export const formatNames: readonly string[] = Object.keys(makers)

/** The formats whose addresses may lack a port. */
const portless: readonly string[] = ['grpcNaming', 'kratos', 'goZero', 'goKit', 'goMicro', 'skyDns'] satisfies readonly (keyof typeof makers)[]

/** Options that several formats have. */
export interface NamedFormatOptions {
  readonly prefix?: string | undefined
  /** The port of addresses that have none. */
  readonly defaultPort?: number | undefined
}

/** Whether a format takes a `defaultPort`. */
export const takesDefaultPort = (name: string): boolean => portless.includes(name)

/** The format of that name. Throws `InvalidArgument`. */
export const namedFormat = (name: string, { prefix, defaultPort }: NamedFormatOptions = {}): Format => {
  if (!isName(name)) throw new InvalidArgument('format', `must be one of ${formatNames.join(', ')}, got "${name}" (${name === 'auto' ? 'only list takes auto' : 'list --format auto finds out which ones are in use'})`)
  // The formats of other stacks narrow the metadata that can be stored, which `encode` checks.
  if (defaultPort !== undefined && !takesDefaultPort(name))
    throw new InvalidArgument('default-port', `cannot be used with --format ${name}, whose addresses have a port (use it with ${portless.join(', ')})`)
  return makers[name]({ ...(prefix !== undefined && { prefix }), ...(defaultPort !== undefined && { defaultPort }) }) as unknown as Format
}
