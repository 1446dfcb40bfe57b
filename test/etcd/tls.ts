import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly cert: Buffer
  readonly key: Buffer
}

/** A certificate authority for one test, and the certificates that it signed. */
export interface Certificates {
  readonly ca: Buffer
  /** For `127.0.0.1` and `localhost`, or for another name. */
  readonly server: Identity
  readonly client: Identity
  /** A client certificate that expired yesterday. */
  readonly expired: Identity
  /** A client certificate for the user `commonName` that expires in so many ms, rounded down to a second. */
  readonly clientFor: (commonName: string, ms: number) => Identity
}

const day = 86_400_000

// X.509 certificates are DER: a tag, a length and the content. These few lines are simpler than requiring a certain version of openssl.
const der = (tag: number, ...content: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(content)
  const size = body.length < 0x80 ? [body.length] : body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), body])
}
const sequence = (...content: readonly Buffer[]): Buffer => der(0x30, ...content)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const bits = (content: Buffer): Buffer => der(0x03, Buffer.from([0]), content)
const time = (ms: number): Buffer => der(0x17, Buffer.from(`${new Date(ms).toISOString().slice(2, 19).replace(/\D/g, '')}Z`))
const name = (commonName: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))))
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x04, value))

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const isAuthority = extension('551d13', sequence(der(0x01, Buffer.from([0xff]))))
const forServersAndClients = extension('551d25', sequence(oid('2b06010505070301'), oid('2b06010505070302')))
const hostName = (host: string): Buffer => der(0x82, Buffer.from(host))
const forLoopback = sequence(hostName('localhost'), der(0x87, Buffer.from([127, 0, 0, 1])))
const alternativeNames = (names: Buffer): Buffer => extension('551d11', names)

interface Issuer {
  readonly name: string
  readonly key: KeyObject
}

let serial = 0

const issue = (subject: string, extensions: readonly Buffer[], ends: number, issuer?: Issuer): Identity => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  serial = (serial % 100) + 1
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([serial])),
    ecdsaWithSha256,
    name(issuer?.name ?? subject),
    sequence(time(Date.now() - 30 * day), time(ends)),
    name(subject),
    publicKey,
    der(0xa3, sequence(...extensions)),
  )
  const signed = sequence(content, ecdsaWithSha256, bits(sign('sha256', content, issuer?.key ?? createPrivateKey(privateKey))))
  const lines = signed.toString('base64').match(/.{1,64}/g) ?? []
  const cert = ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
  return { cert: Buffer.from(cert), key: Buffer.from(privateKey) }
}

/** Makes an authority and the certificates for a TLS test. With `serverName`, the certificate of the server is for that name only. */
export const certificates = (serverName?: string): Certificates => {
  const tomorrow = Date.now() + day
  const authority = issue('rx-discovery test authority', [isAuthority], tomorrow)
  const by = { name: 'rx-discovery test authority', key: createPrivateKey(authority.key) }
  return {
    ca: authority.cert,
    server: issue('etcd', [forServersAndClients, alternativeNames(serverName === undefined ? forLoopback : sequence(hostName(serverName)))], tomorrow, by),
    client: issue('client', [forServersAndClients], tomorrow, by),
    expired: issue('expired', [forServersAndClients], Date.now() - day, by),
    clientFor: (commonName, ms) => issue(commonName, [forServersAndClients], Date.now() + ms, by),
  }
}

/** The flags with which etcd serves TLS and requires a client certificate. The files are written into `dir`. */
export const tlsFlags = ({ ca, server }: Certificates, dir: string): readonly string[] => {
  const file = (base: string, content: Buffer): string => {
    writeFileSync(join(dir, base), content)
    return join(dir, base)
  }
  return [
    ...['--cert-file', file('server.crt', server.cert), '--key-file', file('server.key', server.key)],
    ...['--client-cert-auth', '--trusted-ca-file', file('ca.crt', ca)],
  ]
}
