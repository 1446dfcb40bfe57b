import { describe, expect, it } from 'vitest'
import { InvalidArgument } from 'rx-discovery'
import { etcdCluster, etcdContainer } from 'rx-discovery/containers'

const reasonOf = (start: Promise<unknown>): Promise<string> =>
  start.then(
    () => 'started',
    (error: unknown) => (error instanceof InvalidArgument ? error.message : `no InvalidArgument: ${String(error)}`),
  )

describe('wrong options are rejected, before an engine is looked for', () => {
  it.each<[options: object, message: string]>([
    [{ image: 3 }, 'image must be a string, got 3'],
    [{ flags: '--debug' }, `flags must be a list of flags, such as ['--quota-backend-bytes=16777216'], got "--debug"`],
    [{ flags: ['--debug', 1] }, 'flags.1 must be a string, got 1'],
    [{ startWithin: -1 }, 'startWithin must be a number of milliseconds from 0 to 2147483647, got -1'],
    [{ images: 'etcd' }, 'images is not an option of etcdContainer (did you mean image?)'],
  ])('etcdContainer(%j)', async (options, message) => {
    expect(await reasonOf(etcdContainer(options))).toBe(message)
  })

  it.each<[size: unknown, message: string]>([
    [0, 'size must be a whole number, 1 or more, got 0'],
    [2.5, 'size must be a whole number, 1 or more, got 2.5'],
    [9, 'size must be a number from 1 to 7, got 9'],
  ])('etcdCluster({ size: %s })', async (size, message) => {
    expect(await reasonOf(etcdCluster({ size: size as number }))).toBe(message)
  })
})
