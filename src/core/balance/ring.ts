/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are in range by construction */
import { hash, spread } from './hash.js'
import type { Candidates } from './policy.js'
import type { Built } from './shares.js'

/** A consistent hash ring: points in ascending order, each of which belongs to an instance. */
export interface Ring extends Built {
  /** The ids by their numbers; a number that is free holds `undefined`. */
  readonly ids: readonly (string | undefined)[]
  readonly numbers: ReadonlyMap<string, number>
  /** How many points each number has. */
  readonly counts: readonly number[]
  readonly points: Uint32Array
  /** The number of the instance that a point belongs to. */
  readonly owners: Uint32Array
  /** The index of the first point of each equal part of the circle. */
  readonly starts: Uint32Array
  readonly shift: number
  /** The sum of all weights, of which `heaviest` is 1. */
  readonly weight: number
  readonly heaviest: number
}

type Points = Pick<Ring, 'points' | 'owners'>

/** How many points the heaviest instance has at least; fewer than twice as many. */
const most = 128

/** The ring without instances. */
export const emptyRing: Ring = {
  version: -1, builtAt: -Infinity, ids: [], numbers: new Map(), counts: [], points: new Uint32Array(), owners: new Uint32Array(), starts: new Uint32Array(2), shift: 31, weight: 0, heaviest: 1,
}

/** Whether a point of one id comes before the same point of another, so that all clients agree. */
const first = (ids: Ring['ids'], a: number, b: number): boolean => (ids[a] ?? '') < (ids[b] ?? '')

/** Where points are sorted into parts of the circle: by the bits above `shift`. */
const shiftFor = (size: number): number => Math.min(31, Math.clz32(Math.max(1, size)))

/** The points of some numbers in ascending order: counted into equal parts of the circle, then sorted within these, since points are uniform. */
const pointsOf = (numbers: readonly number[], ids: Ring['ids'], counts: readonly number[], seed: number): Points => {
  const size = numbers.reduce((sum, number) => sum + (counts[number] ?? 0), 0)
  const shift = shiftFor(size)
  const drawn = new Uint32Array(size)
  const ends = new Uint32Array((0xffffffff >>> shift) + 2)
  let at = 0
  for (const number of numbers) {
    const id = ids[number] ?? ''
    const [start, step] = [hash(id, seed), hash(id, seed + 1) | 1]
    for (let point = 0; point < (counts[number] ?? 0); point++) {
      const value = spread((start + Math.imul(point, step)) | 0)
      drawn[at++] = value
      ends[(value >>> shift) + 1]! += 1
    }
  }
  for (let part = 1; part < ends.length; part++) ends[part]! += ends[part - 1]!
  const [points, owners] = [new Uint32Array(size), new Uint32Array(size)]
  at = 0
  for (const number of numbers)
    for (let point = 0; point < (counts[number] ?? 0); point++) {
      const value = drawn[at++]!
      const place = ends[value >>> shift]!++
      points[place] = value
      owners[place] = number
    }
  for (let next = 1; next < size; next++) {
    const [point, owner] = [points[next]!, owners[next]!]
    let to = next
    for (; to > 0 && (points[to - 1]! > point || (points[to - 1] === point && first(ids, owner, owners[to - 1]!))); to--) {
      points[to] = points[to - 1]!
      owners[to] = owners[to - 1]!
    }
    points[to] = point
    owners[to] = owner
  }
  return { points, owners }
}

/** The points of both, without those of the numbers that are `gone`. */
const merged = (before: Points, added: Points, gone: Uint8Array, size: number, ids: Ring['ids']): Points => {
  const [points, owners] = [new Uint32Array(size), new Uint32Array(size)]
  let [left, right] = [0, 0]
  for (let at = 0; at < size; at++) {
    while (left < before.points.length && gone[before.owners[left]!] === 1) left += 1
    const [a, b] = [before.points[left], added.points[right]]
    const takesLeft = b === undefined || (a !== undefined && (a < b || (a === b && first(ids, before.owners[left]!, added.owners[right]!))))
    points[at] = takesLeft ? a! : b
    owners[at] = takesLeft ? before.owners[left++]! : added.owners[right++]!
  }
  return { points, owners }
}

const startsOf = (points: Uint32Array, shift: number): Uint32Array => {
  const starts = new Uint32Array((0xffffffff >>> shift) + 1).fill(points.length)
  for (let at = points.length - 1; at >= 0; at--) starts[points[at]! >>> shift] = at
  for (let part = starts.length - 2; part >= 0; part--) if (starts[part] === points.length) starts[part] = starts[part + 1]!
  return starts
}

/**
 * The ring of other candidates: points of instances that came, left or changed their weight are merged in and out, at the cost of one pass (Karger et al.,
 * "Consistent Hashing and Random Trees", 1997). The same candidates make the same ring, whatever it was before.
 */
export const ringOf = ({ size, at, version }: Candidates, before: Ring, builtAt: number, seed: number): Ring => {
  let heaviest = 0
  for (let index = 0; index < size; index++) heaviest = Math.max(heaviest, at(index)?.weight ?? 0)
  // a power of two, so that points stay as they are when a heavy instance comes or goes, but for the rare case that the power changes
  const unit = 2 ** Math.floor(Math.log2(heaviest))
  const ids = before.ids.slice()
  const numbers = new Map(before.numbers)
  const counts = before.counts.slice()
  const present = new Uint8Array(ids.length + size)
  const added: number[] = []
  const gone = new Uint8Array(ids.length)
  const joined: [id: string, count: number][] = []
  let [total, weight] = [0, 0]
  for (let index = 0; index < size; index++) {
    const candidate = at(index)
    if (candidate === undefined) continue
    const count = Math.max(1, Math.round((candidate.weight / unit) * most))
    const number = numbers.get(candidate.id)
    total += count
    weight += candidate.weight / heaviest
    if (number === undefined) joined.push([candidate.id, count])
    else {
      present[number] = 1
      if (counts[number] === count) continue
      counts[number] = count
      gone[number] = 1
      added.push(number)
    }
  }
  const free: number[] = []
  for (const [number, id] of before.ids.entries()) {
    if (present[number] === 1) continue
    free.push(number)
    if (id === undefined) continue
    gone[number] = 1
    numbers.delete(id)
    ids[number] = undefined
  }
  for (const [id, count] of joined) {
    const number = free.pop() ?? ids.length
    ids[number] = id
    counts[number] = count
    numbers.set(id, number)
    added.push(number)
  }
  if (added.length === 0 && numbers.size === before.numbers.size) return { ...before, version, builtAt, weight, heaviest }
  const { points, owners } = merged(before, pointsOf(added, ids, counts, seed), gone, total, ids)
  // a few points per part, so that the parts fit into the caches of a processor
  const shift = Math.min(31, shiftFor(total) + 3)
  return { version, builtAt, ids, numbers, counts, points, owners, starts: startsOf(points, shift), shift, weight, heaviest }
}

/** The index of the first point at or after a hash, in constant time. */
export const pointAt = ({ points, starts, shift }: Ring, hashed: number): number => {
  let at = starts[hashed >>> shift] ?? 0
  while (at < points.length && points[at]! < hashed) at += 1
  return at === points.length ? 0 : at
}
