import { describe, expect, it } from 'vitest'
import { Disconnected, Rewound } from '../../../../src/core/errors.js'
import { oneCluster } from '../../../../src/edge/etcd/connection/cluster.js'
import { virtually } from '../../../../src/edge/testing/index.js'

const says = (id: string) => ({ header: { cluster_id: id } })
const thrown = (look: () => void): unknown => {
  try {
    look()
  } catch (error) {
    return error
  }
  return undefined
}

describe('one cluster', () => {
  it('is the cluster of the first answer that has a cluster id', () => {
    const { seen, isStranger } = oneCluster()
    for (const silent of [says('0'), { header: null }, {}, null]) seen('a', silent)
    expect(isStranger('b')).toBe(false)
    seen('a', says('1'))
    expect([isStranger('a'), isStranger('b')]).toEqual([false, true])
    seen('b', says('1'))
    expect(isStranger('b')).toBe(false)
  })
  it('11.2 was replaced if one of its hosts has another id; this errors once', () => {
    const { seen, isStranger } = oneCluster()
    seen('a', says('1'))
    seen('b', says('1'))
    expect(thrown(() => seen('a', says('2')))).toBeInstanceOf(Rewound)
    seen('a', says('2'))
    expect(isStranger('b')).toBe(true)
    // What is left of the old one is no replacement.
    expect(thrown(() => seen('b', says('1')))).toBeInstanceOf(Disconnected)
    seen('b', says('2'))
  })
  it('names itself if all its hosts are gone and another cluster answers', () => {
    const { seen, forget } = oneCluster()
    seen('a', says('1'))
    forget('a')
    expect(thrown(() => seen('b', says('2')))).toMatchObject({ message: 'b belongs to cluster 2, but this registry is of cluster 1: use another registry for another cluster' })
  })
  it('refuses a host of another cluster, however often it answers, and names both clusters', () => {
    virtually(({ advance }) => {
      const { seen, isStranger } = oneCluster()
      seen('a', says('1'))
      for (let second = 0; second < 300; second += 30) {
        const error = thrown(() => seen('b', says('2')))
        expect(error).toMatchObject({ name: 'Disconnected', host: 'b', message: 'b belongs to cluster 2, but a to cluster 1: list the hosts of one cluster only' })
        expect(isStranger('b')).toBe(true)
        seen('a', says('1'))
        advance(30_000)
      }
    })
  })
  it('counts as replaced if only another cluster has answered for a minute', () => {
    virtually(({ advance }) => {
      const { seen } = oneCluster()
      seen('a', says('1'))
      advance(59_000)
      expect(thrown(() => seen('b', says('2')))).toBeInstanceOf(Disconnected)
      advance(1_000)
      expect(thrown(() => seen('b', says('2')))).toBeInstanceOf(Rewound)
      seen('b', says('2'))
      expect(thrown(() => seen('a', says('1')))).toMatchObject({ name: 'Disconnected', host: 'a' })
    })
  })
  it('never counts as replaced by a host that the cluster itself named; one that belonged to it may be', () => {
    virtually(({ advance }) => {
      const { seen } = oneCluster(host => host === 'a')
      seen('a', says('1'))
      seen('named', says('1'))
      advance(120_000)
      expect(thrown(() => seen('other', says('2')))).toMatchObject({ name: 'Disconnected', host: 'other' })
      expect(thrown(() => seen('named', says('2')))).toBeInstanceOf(Rewound)
    })
  })
  it('takes a host that was left for good for a stranger', () => {
    const { seen, forget, isStranger } = oneCluster()
    seen('a', says('1'))
    seen('b', says('1'))
    forget('b')
    expect(isStranger('b')).toBe(true)
    expect(thrown(() => seen('b', says('2')))).toBeInstanceOf(Disconnected)
  })
})
