import { readFileSync } from 'node:fs'
import { invalidOptions, text } from '../../../core/arguments.js'
import { throwIfInvalid } from '../../../core/validation.js'
import type { TlsCredentials } from './certificates.js'

/** The paths of PEM files. */
export interface PemFiles {
  /** The certificate of the authority that signed etcd's certificate. */
  readonly rootCertificate: string
  /** The client's key, if etcd requires a client certificate. */
  readonly privateKey?: string
  /** The client's certificate, followed by those of intermediate authorities. */
  readonly certChain?: string
}

/**
 * Certificates in files that are renewed while the process runs: `etcdRegistry({ hosts, credentials: pemFiles({ … }) })`. The files are read before the first
 * connection and again at each outage, at most once a second. If they have changed, a new connection is made with them.
 *
 * @throws `InvalidArgument` if a path is not a string. A file that cannot be read is an outage, and is read again.
 */
export const pemFiles = (paths: PemFiles): (() => TlsCredentials) => {
  throwIfInvalid(invalidOptions('pemFiles', paths, { rootCertificate: text, privateKey: text, certChain: text }, ['rootCertificate']))
  const { rootCertificate, privateKey, certChain } = paths
  // Synchronous, so that a renewal of the files between two reads is rare. Then the key does not fit, and they are read again.
  return () => ({
    rootCertificate: readFileSync(rootCertificate),
    ...(privateKey !== undefined && { privateKey: readFileSync(privateKey) }),
    ...(certChain !== undefined && { certChain: readFileSync(certChain) }),
  })
}
