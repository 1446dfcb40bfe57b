/** What a subject knows of the service at the moment. */
export interface View {
  /** In its own words. */
  readonly status: string
  /** Whether it claims to be true. */
  readonly live: boolean
  /** The text of its trouble. */
  readonly why?: string | undefined
  readonly revision: number
  readonly size: number
  readonly digest: number
  /** How long ago (ms, by its own clock) it was confirmed. */
  readonly age?: number
}

/** What a subject says of its own registration. */
export interface Tenure {
  readonly status: string
  readonly why?: string | undefined
  readonly held: boolean
  /** How long (ms, by its own clock) it is held unless renewed. */
  readonly left?: number
}

/** One line that a subject prints. */
export type Told = { readonly view: View } | { readonly tenure: Tenure } | { readonly failed: string } | { readonly measured: Readonly<Record<string, number>> } | { readonly weights: Readonly<Record<string, number>> }

/** What a subject is started with. */
export interface Assignment {
  readonly hosts: readonly string[]
  readonly service: string
  /** Its own instance; none: it only looks. */
  readonly id?: string
  readonly ttl: number
  readonly auth?: { readonly username: string; readonly password: string }
  /** PEM. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
  /** Whether only the last view counts: digests of large sets are not computed for each. */
  readonly large?: boolean
  /** How often what is known is compared with etcd, ms; of `discover`. */
  readonly verify?: number
  /** Further options of `register`. */
  readonly onTaken?: 'replace' | 'fail'
  /** Whether it registers only when it is told to `register`. */
  readonly waits?: boolean
  /** So many registrations more, `crowd0` and so on. */
  readonly crowd?: number
  readonly drain?: number
}

const fnv = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** One instance's share of a digest. */
export const part = (id: string, weight: number): number => fnv(`${id}=${weight}`)

/** Instances as one number, whatever their order: the sum of their parts. */
export const digestOf = (entries: Iterable<readonly [id: string, weight: number]>): number => {
  let sum = 0
  for (const [id, weight] of entries) sum = (sum + part(id, weight)) >>> 0
  return sum
}

/** The weight that a stored value says, if it is one of ours. */
export const weightOf = (value: string): number | undefined => {
  try {
    const { v, weight = 1 } = JSON.parse(value) as { readonly v?: number; readonly weight?: number }
    return v === 1 && typeof weight === 'number' ? weight : undefined
  } catch {
    return undefined
  }
}
