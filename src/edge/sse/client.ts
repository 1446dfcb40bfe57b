import type { ServerResponse } from 'node:http'
import { contentId, rowsBetween, type Content } from '../../core/wire/content.js'
import { wireChangesText, wireEventText, wireTroubleOf } from '../../core/wire/wire-event.js'
import type { Past } from '../../flow/bridge/bridge.js'
import { comment, frame, frames } from './frame.js'
import type { Ranges } from './ranges.js'

/** All of a range of a content, as the rows of a listing. */
function* listed({ served }: Content, { have }: Ranges): Generator<string, undefined> {
  for (const { key, text } of served.values()) if (have(key)) yield text
}

/** The parts of a listing. */
const listingFrames = (content: Content, ranges: Ranges): Generator<string> =>
  frames('listing', changes => wireChangesText(content.cluster, content.revision, changes), listed(content, ranges), contentId(content))

const batchFrames = (content: Content, changes: readonly string[]): Generator<string> =>
  frames('batch', part => wireChangesText(content.cluster, content.revision, part), changes, contentId(content))

/**
 * One open response. Nothing waits in a queue: while its socket does not drain, the client is left out, and then it gets what differs between the content that it
 * has and the latest one.
 */
export class Client {
  readonly ranges: Ranges
  readonly #response: ServerResponse
  readonly #hides: boolean
  /** What the client has; `undefined` before its first content. */
  #at: Content | undefined
  #latest: Content | undefined
  /** The parts under way. */
  #parts: Iterator<string> | undefined
  #blocked = false
  #troubled = false
  /** The trouble that the client has not been sent yet. */
  #untold: string | undefined
  /** Whether an empty batch is worth sending: it ends an outage. */
  #owesBatch = false
  /** Whether the next batch must have all values: what a client that resumes knows of before is not certain. */
  #resumes = false
  #ending = false

  constructor(response: ServerResponse, ranges: Ranges, hides: boolean) {
    this.#response = response
    this.ranges = ranges
    this.#hides = hides
    response.on('drain', () => {
      this.#blocked = false
      this.#write()
    })
  }

  /** Whether it has content, so that changes make sense to it. */
  get isServed(): boolean {
    return this.#latest !== undefined
  }

  #send(text: string | Buffer): void {
    this.#blocked = !this.#response.write(text)
  }

  /** Writes as much as the socket takes. */
  #write(): void {
    while (!this.#blocked && !this.#response.destroyed) {
      const part = this.#parts?.next()
      if (part?.done === false) {
        this.#send(part.value)
        continue
      }
      this.#parts = undefined
      if (this.#untold !== undefined) {
        this.#send(this.#untold)
        this.#untold = undefined
        continue
      }
      if (this.#ending) {
        this.#response.end()
        return
      }
      const [has, latest] = [this.#at, this.#latest]
      if (has === undefined || latest === undefined || (has.served === latest.served && !this.#owesBatch)) return
      const rows = rowsBetween(has, latest, this.#hides && !this.#resumes).filter(({ key }) => this.ranges.have(key))
      this.#at = latest
      if (rows.length > 0 || this.#owesBatch) this.#parts = batchFrames(latest, rows.map(({ text }) => text))
      this.#owesBatch = false
      this.#resumes = false
    }
  }

  /** Opens the response with a comment that names the heartbeat, so that the client knows when silence is an outage. */
  open(heartbeat: number): void {
    this.#send(comment(`rx-discovery heartbeat=${heartbeat}`))
    this.#response.flushHeaders()
  }

  /** Sends everything. */
  list(content: Content): void {
    this.#troubled = false
    this.#at = content
    this.#latest = content
    this.#parts = listingFrames(content, this.ranges)
    this.#write()
  }

  /** Sends what differs from the content that the client has already, and at least an empty batch, which shows that it has come so far. */
  resume({ content: has, rows }: Past, content: Content): void {
    this.#troubled = false
    this.#at = has
    this.#latest = content
    if (rows !== undefined) {
      this.#at = content
      this.#parts = batchFrames(content, rows.filter(({ key }) => this.ranges.have(key)).map(({ full }) => full))
      this.#write()
      return
    }
    this.#owesBatch = true
    this.#resumes = true
    this.#write()
  }

  /**
   * Shows a change of `before` into `content`. `shared` is its frame for all clients of these ranges; absent if nothing in them has changed, which is worth
   * an empty one after trouble.
   */
  change(before: Content, content: Content, shared: Buffer | undefined): void {
    const follows = !this.#blocked && this.#parts === undefined && this.#at?.served === before.served
    this.#owesBatch ||= this.#troubled
    this.#troubled = false
    this.#untold = undefined
    this.#latest = content
    if (!follows || (shared === undefined && this.#owesBatch)) {
      this.#write()
      return
    }
    this.#at = content
    this.#owesBatch = false
    if (shared !== undefined) this.#send(shared)
  }

  /** Shows why nothing is served now. */
  fail(error: Error, since?: number): void {
    this.#troubled = true
    this.#untold = frame('trouble', wireEventText({ type: 'trouble', ...wireTroubleOf(error, since) }))
    this.#write()
  }

  /** Shows that the connection lives; `progress` also that the client has everything, if it has. */
  beat(progress: Buffer, content: Content): void {
    if (this.#blocked || this.#parts !== undefined) return
    if (this.#troubled || this.#at?.served !== content.served) this.#send(comment('heartbeat'))
    else this.#send(progress)
  }

  /** Sends the only frame of an answer. */
  answer(text: string): void {
    this.#send(text)
    this.end()
  }

  /** Ends the response when what is under way is sent. */
  end(): void {
    this.#ending = true
    this.#write()
  }

  /** Ends the response now. */
  close(): void {
    this.#parts = undefined
    this.#response.end()
  }
}
