import { readFileSync } from 'node:fs'
import { invalidOptions } from '../../../core/arguments.js'
import { InvalidArgument, toError } from '../../../core/errors.js'
import { must, reasonOf, throwIfInvalid } from '../../../core/validation.js'
import { isPem, tlsCredentials, type TlsCredentials } from './certificates.js'

/** The paths of PEM files. */
export interface PemFiles {
  /** The certificate of the authority that signed etcd's certificate. */
  readonly rootCertificate: string
  /** The client's key, if etcd requires a client certificate. */
  readonly privateKey?: string
  /** The client's certificate, followed by those of intermediate authorities. */
  readonly certChain?: string
}

const path = must(value => typeof value === 'string' && value !== '', 'be the path of a PEM file', "such as '/etc/etcd/ca.pem'")

const read = (from: string): Buffer => {
  let content: Buffer
  try {
    content = readFileSync(from)
  } catch (error) {
    // The message of Node has no path for a directory.
    throw new Error(`${from} cannot be read: ${toError(error).message}`, { cause: error })
  }
  if (!isPem(content)) throw new Error(`${from} holds no PEM block (-----BEGIN …)`)
  return content
}

/**
 * Certificates in files that are renewed while the process runs: `etcdRegistry({ hosts, credentials: pemFiles({ … }) })`. The files are read before the first
 * connection and again at each outage, at most once a second. If they have changed, a new connection is made with them.
 *
 * @throws `InvalidArgument` if a path is not a string, or if there is only one of `privateKey` and `certChain`. A file that cannot be read, or holds no
 * certificate or key, is an outage that names the path, and is read again.
 */
export const pemFiles = (paths: PemFiles): (() => TlsCredentials) => {
  throwIfInvalid(invalidOptions('pemFiles', paths, { rootCertificate: path, privateKey: path, certChain: path }, ['rootCertificate']))
  const { rootCertificate, privateKey, certChain } = paths
  if ((privateKey === undefined) !== (certChain === undefined)) {
    const [missing, given] = privateKey === undefined ? ['privateKey', 'certChain'] : ['certChain', 'privateKey']
    throw new InvalidArgument(missing, `must be passed with ${given}, got ${given} only (a client certificate is the path of the certificate and that of its key)`)
  }
  // Synchronous, so that a renewal of the files between two reads is rare. Then the key does not fit, and they are read again.
  return () => {
    const pem = {
      rootCertificate: read(rootCertificate),
      ...(privateKey !== undefined && { privateKey: read(privateKey) }),
      ...(certChain !== undefined && { certChain: read(certChain) }),
    }
    const found = tlsCredentials(pem)
    if (found) throw new Error(`${[rootCertificate, certChain, privateKey].filter(Boolean).join(', ')} ${reasonOf(found)}${found.hint === undefined ? '' : ` (${found.hint})`}`)
    return pem
  }
}
