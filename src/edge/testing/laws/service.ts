import type { Format } from '../../../core/formats/format.js'
import { native } from '../../../core/formats/native.js'
import { serviceInstance } from '../../../core/instance/instance.js'
import type { ServiceSet } from '../../../core/sets/service-set.js'
import type { Lease, Revision } from '../../../core/store.js'
import type { Scene } from '../scene.js'

/** The format of a scene: its services lie under the scene's own prefix. */
export const formatOf = ({ prefix }: Scene): Format => native({ prefix: prefix.slice(0, -1) })

/** A set as text: ids and versions. */
export const shown = (set: ServiceSet): string => [...set].map(({ id, version }) => `${id}@${version}`).join(' ')

/** A service that is written in transactions, with its content at every revision. */
export interface Written {
  /** One transaction: versions by id, `null` deletes; it is tried until it succeeds. */
  readonly write: (versions: Readonly<Record<string, string | null>>) => Promise<Revision>
  /** The content at a revision, as `shown` shows it. */
  readonly at: (revision: Revision) => string
  readonly now: () => string
}

/** Writes a service under `lease`, through the writer of the scene. */
export const writtenBy = (scene: Scene, lease: Lease, service = 'web'): Written => {
  const format = formatOf(scene)
  const revisions = new Map<string, Revision>()
  const contents = new Map<string, string>()
  const history: { readonly revision: Revision; readonly text: string }[] = []
  const text = (): string =>
    [...contents]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, version]) => `${id}@${version}`)
      .join(' ')
  const at = (revision: Revision): string => history.filter(each => each.revision <= revision).at(-1)?.text ?? ''
  return {
    write: async versions => {
      const entries = Object.entries(versions).map(([id, version]) => {
        const instance = serviceInstance({ service, id, address: 'localhost:1', version: version ?? '' })
        return { id, version, key: format.key(instance, lease), value: version === null ? null : format.encode(instance), expect: revisions.get(id) ?? 0 }
      })
      const attempt = async (): Promise<Revision> => {
        const [revision = 0] = await scene.all(scene.writer.put(entries, lease))
        return revision
      }
      // if the answer to the first attempt was lost, the second one finds the keys written
      const found = async (): Promise<Revision> => {
        const { changes } = await scene.listed()
        const [first] = entries.filter(({ value }) => value !== null)
        const there = changes.find(({ key }) => key === first?.key)
        return there?.value === first?.value ? (there?.revision ?? 0) : 0
      }
      const revision = await scene.eventually(() => attempt().catch(() => found().catch(() => 0)), answer => answer > 0)
      for (const { id, version } of entries)
        if (version === null) {
          contents.delete(id)
          revisions.delete(id)
        } else {
          contents.set(id, version)
          revisions.set(id, revision)
        }
      history.push({ revision, text: text() })
      return revision
    },
    at,
    now: text,
  }
}
