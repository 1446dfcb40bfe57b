import { concat, EMPTY, NEVER, of, take, throwError, type Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { virtually } from 'rx-discovery/testing'
import { coalesce } from '../../../src/flow/discovery/coalesce.js'
import { see } from '../scene.js'

const marbles = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected)

describe('coalesce', () => {
  const never = (): boolean => false
  const shouting = (before: string, after: string): boolean => (before === before.toUpperCase()) !== (after === after.toUpperCase())

  it('gives the first at once, then the latest once per window', () => virtually(({ cold, expectObservable }) => {
    expectObservable(cold('abc 3ms d 10ms e-|').pipe(coalesce(5, never))).toBe('a 4ms c 4ms d 6ms e-|')
  }, marbles))

  it('gives the latest before it completes, not before it errors', () => virtually(({ cold, expectObservable }) => {
    expectObservable(cold('abc|').pipe(coalesce(5, never))).toBe('a--(c|)')
    expectObservable(cold('abc#').pipe(coalesce(5, never))).toBe('a--#')
    expectObservable(cold('|').pipe(coalesce(5, never))).toBe('|')
  }, marbles))

  it('never delays what is urgent beside the last one given, and forgets what it is newer than', () => virtually(({ cold, expectObservable }) => {
    expectObservable(cold('abCDe 10ms |').pipe(coalesce(5, shouting))).toBe('a-C-e 10ms |')
    expectObservable(cold('abCD- 10ms |').pipe(coalesce(5, shouting))).toBe('a-C 4ms D 7ms |')
  }, marbles))

  it('gives everything at once when there is no window', () => virtually(({ cold, expectObservable }) => {
    expectObservable(cold('(abc)d|').pipe(coalesce(0, never))).toBe('(abc)d|')
  }, marbles))

  it('leaves no timer, whenever and however it ends', () => virtually(({ pending }) => {
    for (const source of [NEVER, EMPTY, throwError(() => new Error('x'))] as Observable<number>[]) {
      const { stop } = see(concat(of(1, 2), source).pipe(coalesce(5, never)))
      stop()
      expect(pending()).toBe(0)
    }
    expect([see(of(1, 2, 3).pipe(coalesce(5, never), take(1))).values, pending()]).toEqual([[1], 0])
  }))
})
