import { expect, it } from 'vitest'
import { memoryRegistry } from 'rx-discovery/memory'
import { lawsContract, registryContract, type UnderTest } from 'rx-discovery/testing'
import { contractRunner } from '../../contract-runner.js'

const { runner, skipped } = contractRunner()
const make = async (): Promise<UnderTest> => {
  const registry = memoryRegistry()
  return { registry, levers: registry }
}

registryContract(make, runner)
lawsContract(make, runner)

it('the memory registry skips no case', () => expect(skipped).toEqual([]))
