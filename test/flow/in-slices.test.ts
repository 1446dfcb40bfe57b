import { lastValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { inSlices } from '../../src/flow/in-slices.js'

function* counting(steps: number, work: () => void = () => undefined): Generator<undefined, number> {
  for (let step = 0; step < steps; step++) {
    work()
    yield
  }
  return steps
}

/** Keeps the event loop busy, as what is sliced does. */
const busy = (): void => {
  for (const until = performance.now() + 3; performance.now() < until; );
}

describe('inSlices', () => {
  it('emits the result of a short computation within subscribe', () => {
    const seen: unknown[] = []
    inSlices(counting(3)).subscribe({ next: value => seen.push(value), complete: () => seen.push('complete') })
    expect(seen).toEqual([3, 'complete'])
  })

  it('lets the event loop continue during a long computation', async () => {
    let turns = 0
    const turning = setInterval(() => turns++, 0)
    expect(await lastValueFrom(inSlices(counting(20, busy)))).toBe(20)
    clearInterval(turning)
    expect(turns).toBeGreaterThan(2)
  })

  it('goes no further once unsubscribed', async () => {
    let steps = 0
    const seen: unknown[] = []
    const subscription = inSlices(counting(20, () => (busy(), steps++))).subscribe(value => seen.push(value))
    const until = steps
    subscription.unsubscribe()
    await new Promise(resolve => setTimeout(resolve))
    await new Promise(resolve => setTimeout(resolve))
    expect([steps, seen]).toEqual([until, []])
  })

  it('errors with what a step throws', async () => {
    const failing = counting(20, () => {
      busy()
      throw new Error('broken')
    })
    await expect(lastValueFrom(inSlices(failing))).rejects.toThrow('broken')
  })
})
