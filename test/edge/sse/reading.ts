import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** An open response, read by `eventsource-parser`. */
export interface Reading {
  readonly status: number
  readonly headers: Headers
  readonly events: readonly EventSourceMessage[]
  readonly comments: readonly string[]
  /** All that has come. */
  readonly text: () => string
  /** Resolves once `done` accepts the events; rejects after 10 s. */
  readonly until: (done: (events: readonly EventSourceMessage[]) => boolean) => Promise<readonly EventSourceMessage[]>
  /** Resolves when the response has ended or broken off. */
  readonly ended: Promise<void>
  readonly stop: () => void
}

/** Requests a URL and reads events until it is stopped. */
export const reading = async (url: string, headers: Readonly<Record<string, string>> = {}): Promise<Reading> => {
  const aborting = new AbortController()
  const response = await fetch(url, { headers, signal: aborting.signal })
  const events: EventSourceMessage[] = []
  const comments: string[] = []
  const waiting = new Set<() => void>()
  let text = ''
  const parser = createParser({ onEvent: event => events.push(event), onComment: comment => comments.push(comment) })
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      const part = decoder.decode(chunk, { stream: true })
      text += part
      parser.feed(part)
      for (const check of waiting) check()
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    events,
    comments,
    text: () => text,
    until: done =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`not within 10 s, only ${JSON.stringify(events)}`)), 10_000)
        const check = (): void => {
          if (!done(events)) return
          waiting.delete(check)
          clearTimeout(late)
          resolve(events)
        }
        waiting.add(check)
        check()
      }),
    ended: read().catch(() => undefined),
    stop: () => aborting.abort(),
  }
}
