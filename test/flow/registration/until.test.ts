import { EventEmitter } from 'node:events'
import { fromEvent } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { plain } from 'rx-discovery'
import { node, scene } from './scene.js'

describe('until', () => {
  it('may be an AbortSignal', () =>
    scene(({ registers, advance }) => {
      const controller = new AbortController()
      const seen = registers({ until: controller.signal })
      controller.abort()
      advance(1)
      expect(seen.statuses()).toEqual(['registering', 'registered', 'draining', 'revoked'])
      const late = registers({ until: controller.signal }, { ...node, id: 'late' })
      advance(1)
      expect(late.last()).toEqual({ status: 'revoked', confirmed: true })
    }))

  it('is listened to once, however many registrations have it, and not any more when the last has ended', () =>
    scene(({ registers }) => {
      const process = new EventEmitter()
      const until = fromEvent(process, 'SIGTERM')
      const all = Array.from({ length: 50 }, (_, index) => registers({ until, format: plain() }, { ...node, id: `n${index}` }))
      expect(process.listenerCount('SIGTERM')).toBe(1)
      for (const { stop } of all) stop()
      expect(process.listenerCount('SIGTERM')).toBe(0)
    }))
})
