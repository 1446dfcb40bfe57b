import { either as E } from 'fp-ts'
import { InvalidArgument } from '../errors.js'
import type { Format, Rejection } from './format.js'
import { nameProblem } from '../instance/names.js'

/** Where a key is: of which service, and by which last segment. */
export interface Place {
  readonly service: string
  readonly segment: string
}

/** Keys of the shape `<root><service>/<segment>`. */
export interface Layout {
  /** What a format says of its keys. */
  readonly keys: Pick<Format, 'prefix' | 'root' | 'serviceOf'>
  readonly key: (place: Place) => string
  readonly place: (key: string) => E.Either<Rejection, Place>
}

/** A rejection, its reason one line of at most 200 characters. */
export const rejection = (key: string, reason: string): E.Either<Rejection, never> => {
  const line = reason.slice(0, 201).replace(/[\p{Cc}\p{Cs}]/gu, ' ')
  return E.left({ key, reason: line.length > 200 ? `${line.slice(0, 199)}…` : line })
}

/** Throws `InvalidArgument` unless a root is `''`, `'/'`, or names that end in `/`, such as `/a/b/` or `a/b/`. */
export const validRoot = (argument: string, root: unknown): string => {
  if (typeof root !== 'string') throw new InvalidArgument(argument, 'must be a string')
  const names = root.split('/')
  if (names.pop() !== '') throw new InvalidArgument(argument, 'must end in "/"')
  if (names[0] === '') names.shift()
  for (const name of names) {
    const problem = nameProblem(name)
    if (problem !== undefined) throw new InvalidArgument(argument, `each segment ${problem}`)
  }
  return root
}

/** The root of a prefix such as `/a/b`; throws `InvalidArgument` unless it is names that each follow a `/`. */
export const rootOf = (prefix: unknown): string => {
  if (typeof prefix !== 'string') throw new InvalidArgument('prefix', 'must be a string')
  if (!prefix.startsWith('/') || prefix.endsWith('/')) throw new InvalidArgument('prefix', 'must begin with "/" and not end in it')
  return validRoot('prefix', `${prefix}/`)
}

/** The layout of the keys under a valid root; without names in it there is no place that is only this format's. */
export const layout = (root: string): Layout => {
  const split = (key: string): Place | undefined => {
    const end = key.startsWith(root) ? key.indexOf('/', root.length) : -1
    return end === -1 ? undefined : { service: key.slice(root.length, end), segment: key.slice(end + 1) }
  }
  const prefix = (service: string): string => `${root}${service}/`
  const serviceOf = (key: string): string | undefined => {
    const service = split(key)?.service
    return nameProblem(service) === undefined ? service : undefined
  }
  return {
    keys: root.length > 1 ? { prefix, root, serviceOf } : { prefix },
    key: ({ service, segment }) => prefix(service) + segment,
    place: key => {
      const place = split(key)
      if (place === undefined) return rejection(key, `the key is not of the form ${root}<service>/<id>`)
      const problem = nameProblem(place.service)
      if (problem !== undefined) return rejection(key, `the service in the key ${problem}`)
      const wrong = nameProblem(place.segment)
      return wrong === undefined ? E.right(place) : rejection(key, `the id in the key ${wrong}`)
    },
  }
}
