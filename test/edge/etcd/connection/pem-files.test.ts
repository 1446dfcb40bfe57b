import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../../../src/core/errors.js'
import { pemFiles, type PemFiles } from '../../../../src/edge/etcd/connection/pem-files.js'
import { certificates } from '../../../etcd/tls.js'

const dir = mkdtempSync(join(tmpdir(), 'pem-files-'))
afterAll(() => rmSync(dir, { recursive: true }))
const { ca, client } = certificates()
const file = (name: string, content: Buffer | string): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const rootCertificate = file('ca.crt', ca)
const certChain = file('client.crt', client.cert)
const privateKey = file('client.key', client.key)
const absent = join(dir, 'absent.crt')

describe('PEM files', () => {
  it('are read at each call', () => {
    const read = pemFiles({ rootCertificate, certChain, privateKey })
    expect(read()).toEqual({ rootCertificate: ca, certChain: client.cert, privateKey: client.key })
    expect(pemFiles({ rootCertificate })()).toEqual({ rootCertificate: ca })
  })

  it.each<[string, PemFiles, string]>([
    ['is absent', { rootCertificate: absent }, `${absent} cannot be read: ENOENT: no such file or directory, open '${absent}'`],
    ['is a directory', { rootCertificate: dir }, `${dir} cannot be read: EISDIR: illegal operation on a directory, read`],
    ['is empty, as while it is written', { rootCertificate, certChain: file('empty.crt', ''), privateKey }, `${join(dir, 'empty.crt')} holds no PEM block (-----BEGIN …)`],
    ['is of another key', { rootCertificate, certChain, privateKey: file('other.key', certificates().client.key) }, `${rootCertificate}, ${certChain}, ${join(dir, 'other.key')} must be certificates and a key that belong together, in PEM format`],
  ])('of which one %s are an error that names its path and shows no content', (_, paths, message) => {
    let thrown: unknown
    try {
      pemFiles(paths)()
    } catch (error) {
      thrown = error
    }
    expect(String(thrown)).toContain(`Error: ${message}`)
    expect(String(thrown)).not.toContain(client.key.toString().slice(40, 60))
  })

  it.each<[unknown, string, string]>([
    [{ rootCertificate, certChain }, 'privateKey', 'must be passed with certChain, got certChain only (a client certificate is the path of the certificate and that of its key)'],
    [{ rootCertificate, privateKey }, 'certChain', 'must be passed with privateKey, got privateKey only (a client certificate is the path of the certificate and that of its key)'],
    [{ rootCertificate: '' }, 'rootCertificate', `must be the path of a PEM file, got "" (such as '/etc/etcd/ca.pem')`],
    [{ rootCertificate: ca }, 'rootCertificate', `must be the path of a PEM file, got a Buffer (such as '/etc/etcd/ca.pem')`],
    [{ certChain, privateKey }, 'rootCertificate', `must be the path of a PEM file, got undefined (such as '/etc/etcd/ca.pem')`],
  ])('are refused at once, and not tried again and again: %j', (paths, argument, message) => {
    expect(() => pemFiles(paths as PemFiles)).toThrow(new InvalidArgument(argument, message))
  })
})
