import { Subscription } from 'rxjs'
import { contentId, type Content } from '../../core/wire/content.js'
import { wireChangesText } from '../../core/wire/wire-event.js'
import { background, now, timer } from '../../flow/clock.js'
import { nothing } from '../../flow/subscribe-within.js'
import type { BridgeEvent } from '../../flow/bridge/bridge.js'
import type { Client } from './client.js'
import { frame } from './frame.js'
import type { Ranges } from './ranges.js'

type Changed = Extract<BridgeEvent, { readonly type: 'changed' }>

/** How long after a write to `n` clients the next one begins at the earliest, ms for each of them. A write takes about 20 µs, so that writing takes at most about half of the time. */
const pausePerClient = 0.05
/** Frames that are longer together do not wait, in characters. */
const longestWait = 64 * 1024

/** The clients that have asked for the same ranges, and the frames that they get with the next write. */
interface Audience {
  readonly ranges: Ranges
  readonly clients: Set<Client>
  frames: string[]
  length: number
}

/** The frame of a change for some ranges; `undefined` if nothing in them has changed. */
const frameOf = ({ content, rows }: Changed, { have }: Ranges): string | undefined => {
  const seen = rows.filter(({ key }) => have(key))
  return seen.length === 0 ? undefined : frame('batch', wireChangesText(content.cluster, content.revision, seen.map(row => row.text)), contentId(content))
}

/**
 * The clients with open streams. Each change is one event, whose frame is made once for all clients that have asked for the same ranges. If there are many clients, the system
 * calls of the writes cost most, so changes that follow soon after a write wait, and go out together in the next one.
 */
export class Audiences {
  readonly #audiences = new Map<string, Audience>()
  /** The change that is not written yet: that of one revision or several. */
  #unwritten: { readonly before: Content; readonly content: Content } | undefined
  #notBefore = -Infinity
  #waiting = Subscription.EMPTY

  /** Adds a client, until the subscription ends. */
  join(client: Client): Subscription {
    const { ranges } = client
    const audience: Audience = this.#audiences.get(ranges.name) ?? { ranges, clients: new Set(), frames: [], length: 0 }
    this.#audiences.set(ranges.name, audience)
    audience.clients.add(client)
    return new Subscription(() => {
      audience.clients.delete(client)
      if (audience.clients.size > 0) return
      this.#audiences.delete(ranges.name)
      if (this.#audiences.size > 0) return
      this.#waiting.unsubscribe()
      this.#unwritten = undefined
    })
  }

  show(event: BridgeEvent): void {
    if (event.type === 'changed') {
      this.#change(event)
      return
    }
    this.#write()
    for (const client of this.#served()) {
      if (event.type === 'trouble') client.fail(event.error, event.since)
      else {
        client.fail(event.error)
        client.list(event.content)
      }
    }
  }

  /** Writes what waits. A client that begins at the latest content, in the middle of joined frames, would get only what differs at their end. */
  flush(): void {
    this.#write()
  }

  /** Sends `progress` to the clients that have all of a content, and a comment to the others. */
  beat(content: Content): void {
    const progress = Buffer.from(frame('progress', '{}', contentId(content)))
    for (const { clients } of this.#audiences.values()) for (const client of clients) client.beat(progress, content)
  }

  #served(): readonly Client[] {
    return [...this.#audiences.values()].flatMap(({ clients }) => [...clients]).filter(client => client.isServed)
  }

  #change(event: Changed): void {
    this.#unwritten = { before: this.#unwritten?.before ?? event.before, content: event.content }
    let longest = 0
    for (const audience of this.#audiences.values()) {
      const text = event.before.revision > 0 ? frameOf(event, audience.ranges) : undefined
      if (text !== undefined) {
        audience.frames.push(text)
        audience.length += text.length
      }
      longest = Math.max(longest, audience.length)
    }
    const pause = this.#notBefore - now()
    if (pause <= 0 || longest > longestWait) this.#write()
    else if (this.#waiting.closed) this.#waiting = timer(pause, background).subscribe({ next: () => this.#write(), error: nothing })
  }

  #write(): void {
    this.#waiting.unsubscribe()
    if (this.#unwritten === undefined) return
    const { before, content } = this.#unwritten
    this.#unwritten = undefined
    let written = 0
    for (const audience of this.#audiences.values()) {
      const { frames, clients } = audience
      const shared = frames.length === 0 ? undefined : Buffer.from(frames.join(''))
      audience.frames = []
      audience.length = 0
      if (shared !== undefined) written += clients.size
      for (const client of clients) if (client.isServed) client.change(before, content, shared)
    }
    this.#notBefore = now() + written * pausePerClient
  }
}
