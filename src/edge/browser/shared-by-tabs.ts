import { defer, finalize, Observable, Subject, Subscription, type Observer } from 'rxjs'
import { toError } from '../../core/errors.js'
import { isRecord } from '../../core/instance/json.js'
import type { Batch, Check, Listing, Range, Revision } from '../../core/store.js'
import { errorOfTrouble, wireTroubleOf, type WireTrouble } from '../../core/wire/wire-event.js'
import type { ListOptions, ReadableRegistry } from '../../flow/registry.js'
import { signalsOf, withSignals } from '../../flow/registry-signals.js'

/** One call of a tab to the tab that leads. */
type Request =
  | { readonly verb: 'list'; readonly range: Range; readonly options: ListOptions }
  | { readonly verb: 'watch'; readonly range: Range; readonly from: Revision }
  | { readonly verb: 'check'; readonly range: Range; readonly since: Revision }

type Answer = Listing | Batch | Check

/** What tabs send one another. `id` names a call, over all tabs. */
type Message =
  /** The sender leads from now on. */
  | { readonly type: 'leads' }
  | { readonly type: 'call'; readonly id: string; readonly request: Request }
  | { readonly type: 'cancel'; readonly id: string }
  | { readonly type: 'next'; readonly id: string; readonly answer: Answer }
  | { readonly type: 'error'; readonly id: string; readonly trouble: WireTrouble; readonly message: string }
  | { readonly type: 'complete'; readonly id: string }
  /** A call of the registry makes sense again. */
  | { readonly type: 'returned' }

interface Call {
  request: Request
  readonly observer: Observer<Answer>
}

const verbs = (registry: ReadableRegistry, request: Request): Observable<Answer> => {
  switch (request.verb) {
    case 'list':
      return registry.list(request.range, request.options)
    case 'watch':
      return registry.watch(request.range, request.from)
    case 'check':
      return registry.check(request.range, request.since)
  }
}

/** An error from another tab, of its class and with its message. */
const errorFrom = ({ trouble, message }: Extract<Message, { readonly type: 'error' }>): Error => {
  const error = errorOfTrouble(trouble, 'the leading tab')
  if (!(error.name === 'Compacted')) error.message = message
  return error
}

/**
 * One registry for all tabs that use `name`: the tab that holds a lock of this name leads. It makes the calls of all tabs with its own registry, so that there is one
 * stream. When it goes, the next tab gets the lock, and the others repeat their open calls: a watch from where it is. Without locks and channels, `registry` itself.
 */
export const sharedByTabs = (registry: ReadableRegistry, name: string): ReadableRegistry => {
  const locks = (globalThis as { readonly navigator?: { readonly locks?: LockManager } }).navigator?.locks
  if (locks === undefined || typeof BroadcastChannel !== 'function') return registry

  const returned = new Subject<unknown>()
  /** The calls of this tab that another one answers or will answer. */
  const calls = new Map<string, Call>()
  /** The calls of other tabs that this one answers. */
  const served = new Map<string, Subscription>()
  let channel: BroadcastChannel | undefined
  let leading = false
  let leaving = new AbortController()
  let release = (): void => undefined
  let open = 0
  let count = 0
  const own = Math.random().toString(36).slice(2)
  /** Resolves when this tab holds the lock by which the leading tab notices that it is gone. */
  let present = Promise.resolve()
  /** The other tabs that have called. */
  const tabs = new Set<string>()

  const post = (message: Message): void => channel?.postMessage(message)
  const start = (id: string, { request }: Call): void => {
    if (leading) serveOwn(id)
    else
      void present.then(() => {
        if (calls.has(id) && !leading) post({ type: 'call', id, request })
      })
  }
  const lockOf = (tab: string): string => `${name} ${tab}`
  /** Ends the calls of a tab that is closed or has crashed. */
  const endWith = (tab: string): void => {
    if (tabs.has(tab)) return
    tabs.add(tab)
    const gone = (): void => {
      tabs.delete(tab)
      for (const [id, subscription] of [...served]) if (id.startsWith(`${tab}-`)) subscription.unsubscribe()
    }
    locks.request(lockOf(tab), { signal: leaving.signal }, gone).catch(() => undefined)
  }
  const serveOwn = (id: string): void => {
    const call = calls.get(id)
    if (call === undefined) return
    served.set(id, verbs(registry, call.request).subscribe(call.observer))
  }
  const serve = (id: string, request: Request): void => {
    served.get(id)?.unsubscribe()
    endWith(id.replace(/-.*$/, ''))
    const subscription = new Subscription()
    served.set(id, subscription)
    subscription.add(
      verbs(registry, request)
        .pipe(finalize(() => served.delete(id)))
        .subscribe({
          next: answer => post({ type: 'next', id, answer }),
          error: (thrown: unknown) => {
            const error = toError(thrown)
            post({ type: 'error', id, trouble: wireTroubleOf(error), message: error.message })
          },
          complete: () => post({ type: 'complete', id }),
        }),
    )
  }
  const stopServing = (): void => {
    leading = false
    for (const each of [...served.values()]) each.unsubscribe()
    served.clear()
    tabs.clear()
  }
  const receive = (message: Message): void => {
    switch (message.type) {
      case 'call':
        if (leading) serve(message.id, message.request)
        return
      case 'cancel':
        served.get(message.id)?.unsubscribe()
        served.delete(message.id)
        return
      case 'leads':
        for (const [id, call] of calls) start(id, call)
        return
      case 'returned':
        returned.next(undefined)
        return
      case 'next':
        calls.get(message.id)?.observer.next(message.answer)
        return
      case 'error':
        calls.get(message.id)?.observer.error(errorFrom(message))
        return
      case 'complete':
        calls.get(message.id)?.observer.complete()
    }
  }
  /** Waits for the lock, and leads while it has it. */
  const join = (): void => {
    const joined = new BroadcastChannel(name)
    channel = joined
    joined.onmessage = ({ data }) => {
      if (isRecord(data)) receive(data as Message)
    }
    leaving = new AbortController()
    const { signal } = leaving
    const untilLeft = (): Promise<void> => new Promise(resolve => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))
    present = new Promise(resolve => {
      const held = (): Promise<void> => {
        resolve()
        return untilLeft()
      }
      locks.request(lockOf(own), { signal }, held).catch(() => undefined)
    })
    const signals = new Subscription()
    const leads = (): Promise<void> => {
      if (signal.aborted) return Promise.resolve()
      leading = true
      signals.add(signalsOf(registry).returned.subscribe({
        next: () => {
          returned.next(undefined)
          post({ type: 'returned' })
        },
        error: release,
      }))
      for (const id of calls.keys()) serveOwn(id)
      post({ type: 'leads' })
      return untilLeft()
    }
    release = () => {
      stopServing()
      signals.unsubscribe()
      leaving.abort()
      joined.close()
      channel = undefined
    }
    // The wait ends with an error when this tab leaves before it has the lock.
    locks.request(name, { signal }, leads).catch(() => undefined)
  }

  const call = <A extends Answer>(request: Request): Observable<A> =>
    new Observable<A>(subscriber => {
      if ((open += 1) === 1) join()
      const id = `${own}-${(count += 1)}`
      const made: Call = {
        request,
        observer: {
          next: answer => {
            // A watch is repeated from here when another tab leads.
            if (request.verb === 'watch') made.request = { ...request, from: (answer as Batch).revision }
            subscriber.next(answer as A)
          },
          error: (thrown: unknown) => subscriber.error(thrown),
          complete: () => subscriber.complete(),
        },
      }
      calls.set(id, made)
      start(id, made)
      return () => {
        calls.delete(id)
        served.get(id)?.unsubscribe()
        served.delete(id)
        if (!leading) post({ type: 'cancel', id })
        if ((open -= 1) === 0) release()
      }
    })

  return withSignals(
    {
      list: (range, options = {}) => call<Listing>({ verb: 'list', range, options }),
      watch: (range, from) => call<Batch>({ verb: 'watch', range, from }),
      check: (range, since) => call<Check>({ verb: 'check', range, since }),
    },
    { closed: signalsOf(registry).closed, returned: defer(() => returned) },
  )
}
