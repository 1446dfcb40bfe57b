import { afterAll, expect, it } from 'vitest'
import { plain } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry } from 'rx-discovery/memory'
import { raw, sseHandler } from 'rx-discovery/sse'
import { lawsContract, registryContract, type UnderTest } from 'rx-discovery/testing'
import { contractRunner } from '../../contract-runner.js'
import { bridgeServer } from '../sse/bridge-server.js'

const { runner, skipped } = contractRunner()
const open: (() => unknown)[] = []
afterAll(() => expect(open).toEqual([]))

const make = async (): Promise<UnderTest> => {
  const writer = memoryRegistry()
  const handler = sseHandler(writer, { services: ['contract'], format: plain(), project: raw, heartbeat: 500 })
  const server = await bridgeServer(handler)
  open.push(server.close)
  return {
    registry: sseRegistry(server.url),
    writer,
    levers: {
      ...writer,
      interrupt: ms => {
        writer.interrupt(ms)
        server.cut()
      },
    },
    dispose: async () => {
      handler.close()
      await server.close()
      await writer.close()
      open.pop()
    },
  }
}

registryContract(make, runner)
lawsContract(make, runner)

it('skips the cases that write with the registry under test, and no others', () => {
  expect(skipped.filter(name => !/ \(needs (lease|put)\b/.test(name))).toEqual([])
  expect(skipped.map(name => name.replace(/ \(needs.*/, ''))).toEqual([
    'a put writes nothing until it is subscribed',
    'guarded puts create, update and delete keys, each transaction at a higher revision',
    'a put of several keys is one revision',
    'if a guard fails, nothing is written, and Taken has the content of all keys in the order of the entries',
    'a key moves to the lease that writes it',
    'a put under a lease that is gone writes nothing, and errors LeaseLost',
    'a value over 1.5 MiB errors InvalidArgument',
    'a lease is emitted at the grant and at each renewal, with one id and a later deadline each time',
    'each subscription to a lease is a lease of its own',
    'unsubscribing revokes: the keys are deleted at once, not at the end of the TTL',
    'the first value of `end` revokes the lease, which completes when that is done',
    'if the registry refuses the revoke, the lease errors with what refused it after `end`, and its keys stay until the TTL has passed',
    'close: a lease errors Closed once it is revoked, and Closed with a cause if the revoke is not answered within the timeout',
    'close: a lease errors Closed without a cause if it is revoked',
    'a lease that the registry let expire errors LeaseLost, and its keys are deleted',
    'unsubscribing during the grant leaves no lease',
    'a grant whose answer is lost errors Disconnected, and leaves no lease',
    'a TTL that is not a whole number of seconds from 1 to 9,000,000,000 errors InvalidArgument',
    'remaining emits once: the granted TTL, the seconds left, and the raft term, which is the same for all leases',
    'what remains of a lease rises with its renewal',
    'a lease that does not exist, or was revoked, has -1 seconds left',
    'a lease survives an interruption that is shorter than its TTL',
    'closing errors Closed to everything that is open and to later calls, and can be done twice',
    'closing leaves no lease',
    'closing a registry that does not answer waits no longer than its timeout',
    'closing a registry that does not answer waits no longer than 2 s by default',
    'Law 6 Never give up: a lost lease is replaced, and the instance is registered again',
    'Law 6 Never give up: a lease without answers is lost by the local clock no later than its TTL, and the registration comes back',
    'Law 7 Self-healing: a key that another client deletes is created again; a key that another client writes is left alone until it is deleted',
    'Law 8 Nothing leaks: a registration that ends, at whatever moment, leaves no lease and no key',
    'Law 9 Nothing crashes: interruptions at any moment reach no error handler',
  ])
})
