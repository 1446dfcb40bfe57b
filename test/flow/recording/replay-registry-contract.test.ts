import { shareReplay } from 'rxjs'
import { expect, it } from 'vitest'
import { exponential, plain, record } from 'rx-discovery'
import { memoryRegistry, type MemoryRegistry } from 'rx-discovery/memory'
import { raw } from 'rx-discovery/sse'
import { lawsContract, registryContract, replayRegistry, type UnderTest } from 'rx-discovery/testing'
import { contractRunner } from '../../contract-runner.js'
import { writingCases } from '../../writing-cases.js'

const { runner, skipped } = contractRunner()

/**
 * A recording that is played while it is made. A compaction does not take anything from it, and it has only what the registry delivered: it shows no member that lags, and no call
 * that is denied while the watch goes on.
 */
const make = async (): Promise<UnderTest & { readonly writer: MemoryRegistry }> => {
  const writer = memoryRegistry()
  const { interrupt, expire, freeze, rewind, write, leases, loseGrant } = writer
  const recording = record(writer, { services: ['contract'], format: plain(), project: raw, backoff: exponential({ max: 50 }) }).pipe(shareReplay({ bufferSize: Infinity, refCount: false }))
  // It begins before the first case writes: what was before a recording is not in it.
  recording.subscribe({ error: () => undefined })
  return { registry: replayRegistry(recording), writer, levers: { interrupt, expire, freeze, rewind, write, leases, loseGrant }, dispose: () => writer.close() }
}
const compacted = async (): Promise<UnderTest> => {
  const subject = await make()
  return { ...subject, levers: { ...subject.levers, compact: subject.writer.compact } }
}

registryContract(make, runner)
lawsContract(compacted, runner)

it('skips the cases that write, and those of what a recording does not show', () => {
  const [writing, others] = [true, false].map(writes => skipped.filter(name => / \(needs (lease|put)\b/.test(name) === writes))
  expect(writing?.map(name => name.replace(/ \(needs.*/, ''))).toEqual(writingCases)
  expect(others).toEqual([
    'a listing at a compacted revision errors Compacted, with the oldest revision that can still be read (needs compact)',
    'a watch from before a compaction errors Compacted; one from the head loses nothing (needs compact)',
    'a watch that lags delivers everything in the end, in order (needs lag)',
    'calls error Denied while they are denied, and work once they are allowed (needs deny)',
  ])
})
