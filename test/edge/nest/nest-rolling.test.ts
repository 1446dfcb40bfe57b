import { describe, expect, it } from 'vitest'
import { roll, type Platform } from './roll.js'

/** At once: the next call but a few, of which three begin at the same time and up to four instances take turns. */
const outcome = async (platform: Platform, place: 'root' | 'below', bootstrap = 0) => {
  const { requests, lost, passedOver } = await roll({ platform, place, rounds: bootstrap === 0 ? 3 : 1, drain: 500, bootstrap })
  return { busy: requests > 150, lost, atOnce: passedOver.map(calls => calls <= 12) }
}

describe.each(['express', 'fastify'] as const)('three instances on %s under 150 requests a second', platform => {
  it.concurrent.each(['root', 'below'] as const)('lose none of them while each is replaced three times, with the module imported %s', async place => {
    expect(await outcome(platform, place)).toEqual({ busy: true, lost: [], atOnce: Array(9).fill(true) })
  })
  it.concurrent('lose none if another module takes 2 s to bootstrap, and each replacement gets requests at once', async () => {
    expect(await outcome(platform, 'root', 2_000)).toEqual({ busy: true, lost: [], atOnce: Array(3).fill(true) })
  })
})
