import { ClientClosedError } from 'etcd3'
import { catchError, firstValueFrom, from, NEVER, of, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed } from '../../../../src/core/errors.js'
import { oneCluster } from '../../../../src/edge/etcd/connection/cluster.js'
import { connections } from '../../../../src/edge/etcd/connection/connections.js'
import { etcdMember, type MemberParts } from '../../../../src/edge/etcd/connection/member.js'

const refused = () => Promise.reject(new ClientClosedError('KVClient'))
const client = { kv: { range: refused }, watchClient: { watch: refused } } as unknown as ReturnType<MemberParts['connections']['current']>
const withTokens = { current: of(undefined), last: of(undefined), drop: () => undefined }

const memberOf = (tokens: MemberParts['tokens']) =>
  etcdMember({ host: 'h:1', connections: connections(() => client, () => undefined), tokens, cluster: oneCluster(), closed: NEVER, trouble: () => undefined })
const errorOf = (answer: Observable<unknown>): Promise<unknown> => firstValueFrom(answer.pipe(catchError((error: unknown) => of(error))))

describe('a call or stream on a client that is closed', () => {
  const both = (tokens: MemberParts['tokens']) => {
    const member = memberOf(tokens)
    return Promise.all([
      errorOf(member.call(({ kv }, options) => kv.range({ key: Buffer.from('a') }, options))),
      errorOf(member.stream(() => refused(), from([]))),
    ])
  }

  it('is an outage if the connection was left for another one while the call began', async () => {
    const left = { name: 'Disconnected', host: 'h:1', message: 'h:1: the connection was left for another one before the call began' }
    expect(await both(withTokens)).toMatchObject([left, left])
  })

  it('ends everything if the user made the client and closed it', async () => {
    const errors = await both(undefined)
    for (const error of errors) expect(error).toBeInstanceOf(Closed)
  })
})
