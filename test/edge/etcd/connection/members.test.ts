import { firstValueFrom, NEVER, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../../../src/core/errors.js'
import { connect, type ConnectOptions } from '../../../../src/edge/etcd/connection/members.js'
import { hostsOf } from '../../../../src/flow/registry-hosts.js'
import { etcdRegistry } from '../../../../src/edge/etcd/index.js'

describe('where members come from', () => {
  it.each<[unknown, string, RegExp]>([
    [{}, 'hosts', /^hosts must be like 'localhost:2379'/],
    [{ hosts: [] }, 'hosts', /^hosts needs at least one endpoint, such as 'localhost:2379'$/],
    [{ hosts: { a: 1 } }, 'hosts', /got { "?a"? }$/],
    [{ srv: 'example.com', hosts: 'a:1' }, 'srv', /^srv must not be passed beside hosts/],
    [{ srv: 'http://example.com' }, 'srv', /^srv must be a domain, got "http:\/\/example.com" \(such as 'example.com'\)$/],
    [{ srv: '' }, 'srv', /^srv must be a domain/],
    [{ srv: 1 }, 'srv', /^srv must be a domain/],
    [{ hosts: 'a:1', autoSync: 60 }, 'autoSync', /^autoSync must be true, false or a whole number of milliseconds from 1000 to 2147483647, got 60 \(true asks every minute\)$/],
    [{ hosts: 'a:1', autoSync: 2 ** 31 }, 'autoSync', /from 1000 to 2147483647, got 2147483648/],
    [{ hosts: 'a:1', autoSync: Infinity }, 'autoSync', /from 1000 to 2147483647, got Infinity/],
    [{ kv: 1 }, 'kv', /^kv is not an option of etcdRegistry/],
    [{ kv: {}, watchClient: {} }, 'kv', /^kv is not an option of etcdRegistry/],
    [{ hosts: 'a:1', autoSync: 'yes' }, 'autoSync', /^autoSync must be true/],
    [{ hosts: NEVER, credentials: { rootCertificate: Buffer.from('x') } }, 'credentials.rootCertificate', /^credentials.rootCertificate must be the content of a PEM file/],
  ])('are refused: %j', (options, argument, message) => {
    let thrown: unknown
    try {
      connect(options as ConnectOptions)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(InvalidArgument)
    expect(thrown).toMatchObject({ argument, message: expect.stringMatching(message) as unknown })
  })

  it('are asked for at the first use, and reported as the endpoints of the registry', async () => {
    let asked = 0
    const registry = etcdRegistry({
      hosts: () => {
        asked += 1
        return Promise.resolve(['a:1', 'b:1'])
      },
    })
    expect(asked).toBe(0)
    expect(await firstValueFrom(hostsOf(registry) ?? NEVER)).toEqual(['a:1', 'b:1'])
    expect(asked).toBe(1)
    await registry.close()
  })

  it('are those of a domain; its lookup ends at close', async () => {
    const [asked, cancels]: [string[], number[]] = [[], []]
    const resolver = () => ({
      resolveSrv: (name: string) => {
        asked.push(name)
        return name.includes('ssl') ? Promise.resolve([{ name: 'etcd-0.example.com', port: 2379 }]) : new Promise<never>(() => undefined)
      },
      cancel: () => void cancels.push(1),
    })
    const members = connect({ srv: 'example.com' }, { resolver })
    expect(await firstValueFrom(members.on(({ host }) => of(host)))).toBe('https://etcd-0.example.com:2379')
    members.close()
    expect([asked, cancels]).toEqual([['_etcd-client-ssl._tcp.example.com'], [1]])
  })
})
