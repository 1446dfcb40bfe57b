import { afterAll, expect, it } from 'vitest'
import { plain } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import { memoryRegistry } from 'rx-discovery/memory'
import { raw, sseHandler } from 'rx-discovery/sse'
import { lawsContract, registryContract, type UnderTest } from 'rx-discovery/testing'
import { contractRunner } from '../../contract-runner.js'
import { writingCases } from '../../writing-cases.js'
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
  expect(skipped.map(name => name.replace(/ \(needs.*/, ''))).toEqual(writingCases)
})
