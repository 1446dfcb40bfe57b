import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'
import { either as E } from 'fp-ts'
import { defer, from, Observable, of, switchMap } from 'rxjs'
import { isRecord, parseJson } from '../../../core/instance/json.js'
import { channelAddress } from '../../etcd/connection/hosts.js'
import type { ConnectOptions } from '../../etcd/connection/members.js'

/** What etcd answers over HTTP, without a login. */
export interface AskedVersion {
  readonly version: string | undefined
  /** How far the clock of the server is ahead of ours, ms, to about a second. */
  readonly ahead: number | undefined
}

/** The header has whole seconds, cut off. */
const halfSecond = 500

/** Asks the endpoint for its version by HTTP, whose answers have the time. Errors if it does not speak HTTP, such as a gRPC proxy. */
export const askVersion = (host: string, { credentials }: Pick<ConnectOptions, 'credentials'>, timeout: number): Observable<AskedVersion> =>
  defer(() => (typeof credentials === 'function' ? from(Promise.resolve(credentials())) : of(credentials))).pipe(
    switchMap(
      tls =>
        new Observable<AskedVersion>(subscriber => {
          const address = channelAddress(host)
          const url = new URL('/version', /^\w+:\/\//.test(address) ? address : `http://${address}`)
          if (!url.protocol.startsWith('http')) throw new Error(`${url.protocol} has no HTTP`)
          const began = Date.now()
          const get = url.protocol === 'https:' ? getHttps : getHttp
          const request = get(url, { timeout, agent: false, ca: tls?.rootCertificate, cert: tls?.certChain, key: tls?.privateKey }, response => {
            const ended = Date.now()
            const date = Date.parse(response.headers.date ?? '')
            let text = ''
            response.setEncoding('utf8').on('data', (part: string) => (text = (text + part).slice(0, 1_000)))
            response.once('error', error => subscriber.error(error))
            response.once('end', () => {
              const body = E.getOrElse<unknown, unknown>(() => undefined)(parseJson(text))
              const version = isRecord(body) && typeof body['etcdserver'] === 'string' ? body['etcdserver'] : undefined
              subscriber.next({ version, ahead: Number.isNaN(date) ? undefined : date + halfSecond - (began + ended) / 2 })
              subscriber.complete()
            })
          })
          request.once('timeout', () => request.destroy(new Error('timeout')))
          request.once('error', error => subscriber.error(error))
          return () => request.destroy()
        }),
    ),
  )
