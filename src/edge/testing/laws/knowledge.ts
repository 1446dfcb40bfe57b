import type { ServiceSet } from '../../../core/sets/service-set.js'
import { discover } from '../../../flow/discovery/discover.js'
import type { Case } from '../case.js'
import type { Scene } from '../scene.js'
import { formatOf, shown, writtenBy } from './service.js'

const live = (sets: readonly ServiceSet[]): readonly ServiceSet[] => sets.filter(({ status }) => status === 'live')
const isNow = (text: () => string) => (sets: readonly ServiceSet[]): boolean => {
  const last = sets.at(-1)
  return last?.status === 'live' && shown(last) === text()
}

/** Discovers a service while it is written; `trouble` may break something at each step. */
const story = async (scene: Scene, trouble: (step: number) => unknown): Promise<{ readonly sets: readonly ServiceSet[]; readonly at: (revision: number) => string }> => {
  const { lease } = await scene.lease()
  const written = writtenBy(scene, lease)
  await written.write({ a: '0', b: '0', c: '0' })
  const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
  await discovered.until(isNow(written.now))
  for (let step = 1; step <= 24; step += 1) {
    await trouble(step)
    await written.write({ a: String(step), [`x${step % 5}`]: String(step) })
    if (step % 4 === 0) await written.write({ [`y${step}`]: '1' })
    if (step % 6 === 0) await written.write({ a: `${step}b`, [`x${step % 5}`]: null })
  }
  return { sets: await discovered.until(isNow(written.now)), at: written.at }
}

/** The laws of discovery. */
export const knowledge: readonly Case[] = [
  {
    name: 'Law 1 Truth: a live set is the content of the registry at its revision, never half a transaction',
    run: async scene => {
      const { sets, at } = await story(scene, () => undefined)
      for (const set of live(sets)) scene.expect(shown(set)).toEqual(at(set.revision))
    },
  },
  {
    name: 'Law 2 Order: revisions do not go back, also after interruptions',
    needs: ['interrupt'],
    run: async scene => {
      const { sets, at } = await story(scene, step => step % 8 === 0 && scene.levers.interrupt(100))
      const revisions = live(sets).map(({ revision }) => revision)
      scene.expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
      for (const set of live(sets)) scene.expect(shown(set)).toEqual(at(set.revision))
    },
  },
  {
    name: 'Law 3 No gap: nothing is lost across interruptions and compactions',
    needs: ['interrupt', 'compact'],
    run: async scene => {
      const { sets, at } = await story(scene, async step => {
        if (step % 6 === 0) await scene.levers.interrupt()
        if (step % 5 === 0) await scene.levers.compact()
      })
      for (const set of live(sets)) scene.expect(shown(set)).toEqual(at(set.revision))
      scene.expect(live(sets).length > 1).toEqual(true)
    },
  },
  {
    name: 'Law 4 Last known stays: during an outage a set is stale, has the reason, and keeps its instances',
    needs: ['interrupt'],
    run: async scene => {
      const { lease } = await scene.lease()
      const written = writtenBy(scene, lease)
      await written.write({ a: '1', b: '1' })
      const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
      await discovered.until(isNow(written.now))
      await scene.levers.interrupt(1_000)
      const sets = await discovered.until(all => all.some(({ status }) => status === 'stale') && all.at(-1)?.status === 'live')
      for (const set of sets.filter(({ status }) => status === 'stale')) {
        scene.expect(shown(set)).toEqual(written.now())
        scene.expect(set.trouble?.error instanceof Error && set.trouble.attempt > 0 && set.trouble.since > 0).toEqual(true)
      }
      scene.expect(sets.at(-1)?.trouble).toEqual(undefined)
    },
  },
  {
    name: 'Law 5 Trouble is data: a value that cannot be decoded is a rejected entry, and changes nothing else',
    needs: ['write'],
    run: async scene => {
      const { lease } = await scene.lease()
      const written = writtenBy(scene, lease)
      await written.write({ a: '1' })
      const key = `${scene.prefix}web/broken`
      const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
      await discovered.until(isNow(written.now))
      await scene.levers.write(key, '{"v":1,"address":')
      const sets = await discovered.until(all => all.at(-1)?.rejected.has(key) === true)
      scene.expect(sets.slice(-1).map(set => `${set.status} ${shown(set)}`)).toEqual(['live a@1'])
      await scene.levers.write(key, null)
      await discovered.until(all => all.at(-1)?.rejected.size === 0)
    },
  },
  {
    name: 'Law 10 Immutable, shared: a set never changes, and an unchanged instance is the same object in the next set',
    run: async scene => {
      const { lease } = await scene.lease()
      const written = writtenBy(scene, lease)
      await written.write({ a: '1', b: '1' })
      const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
      const before = (await discovered.until(isNow(written.now))).at(-1)
      await written.write({ a: '2' })
      const after = (await discovered.until(isNow(written.now))).at(-1)
      scene.expect(before && shown(before)).toEqual('a@1 b@1')
      scene.expect(before?.get('b') === after?.get('b') && after?.get('b') !== undefined).toEqual(true)
    },
  },
  {
    name: 'Law 11 Whole emissions: no set shows half a transaction, and a transaction that changes nothing emits nothing',
    run: async scene => {
      const { lease } = await scene.lease()
      const written = writtenBy(scene, lease)
      await written.write({ a: '0', b: '0', c: '0' })
      const discovered = scene.observe(discover(scene.registry, 'web', { format: formatOf(scene) }))
      await discovered.until(isNow(written.now))
      for (const version of ['1', '1', '2', '2', '3']) await written.write({ a: version, b: version, c: version })
      const sets = live(await discovered.until(isNow(written.now))).map(shown)
      scene.expect(sets.every(text => new Set(text.match(/@\d/g)).size === 1)).toEqual(true)
      scene.expect(sets).toEqual(sets.filter((text, index) => text !== sets[index - 1]))
    },
  },
  {
    name: 'Law 12 Names stay home: one service is never read as another',
    run: async scene => {
      const { lease } = await scene.lease()
      const [web, web2, dotted] = ['web', 'web2', 'web.v2'].map(service => writtenBy(scene, lease, service))
      const discovered = ['web', 'web2', 'web.v2'].map(service => scene.observe(discover(scene.registry, service, { format: formatOf(scene) })))
      await web?.write({ a: '1' })
      await web2?.write({ b: '1' })
      await dotted?.write({ c: '1' })
      const texts = ['a@1', 'b@1', 'c@1']
      for (const [index, each] of discovered.entries()) {
        const sets = await each.until(isNow(() => texts[index] ?? ''))
        scene.expect([...new Set(sets.map(shown))].filter(text => text !== '')).toEqual([texts[index]])
      }
    },
  },
]
