import { defer, finalize, Observable, Subject, Subscription, type Observer } from 'rxjs'
import { toError } from '../../core/errors.js'
import { isRecord } from '../../core/instance/json.js'
import type { Batch, Check, Listing } from '../../core/store.js'
import { wireTroubleOf } from '../../core/wire/wire-event.js'
import { interval } from '../../flow/clock.js'
import type { ReadableRegistry } from '../../flow/registry.js'
import { signalsOf, withSignals } from '../../flow/registry-signals.js'
import { leadByLock } from './lead-by-lock.js'
import { answerTo, errorFrom, type FromLeader, type TabAnswer, type TabMessage, type TabRequest, type ToLeader } from './tab-message.js'

interface Call {
  request: TabRequest
  readonly observer: Observer<TabAnswer>
}

/** How often a tab checks whether the tab that leads has sent anything, ms. Browsers let hidden tabs do so once a minute at worst. */
const checkEvery = 3_000
/**
 * If the tab that leads has sent nothing at so many checks in a row, with a question after each, its page is busy or stopped. One check is not enough: after this
 * tab was busy itself, a check may run before the answers that have arrived.
 */
const silentChecks = 3

/**
 * One registry for all tabs that use `name`: the tab that holds a lock of this name leads. It makes the calls of all tabs with its own registry, so that there is one
 * stream. When it goes, the next tab gets the lock, and the others repeat their open calls: a watch from where it is. If it does not answer, another tab takes the lock
 * away from it. Without locks and channels, `registry` itself.
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
  /** While this tab leads: ends what belongs to that. */
  let lead: Subscription | undefined
  /** The tab whose answers count: one that has lost the lock may notice that late. */
  let leader: string | undefined
  /** At how many checks in a row the tab that leads had sent nothing. */
  let silence = 0
  let leaving = new AbortController()
  let release = (): void => undefined
  let open = 0
  let count = 0
  const own = Math.random().toString(36).slice(2)
  /** Resolves when this tab holds the lock by which the leading tab notices that it is gone. */
  let present = Promise.resolve()
  /** The other tabs that have called. */
  const tabs = new Set<string>()

  const ask = (message: ToLeader): void => channel?.postMessage(message)
  const post = (message: FromLeader): void => channel?.postMessage({ ...message, leader: own } satisfies TabMessage)
  const start = (id: string, { request }: Call): void => {
    if (lead !== undefined) serveOwn(id)
    else
      void present.then(() => {
        if (calls.has(id) && lead === undefined) ask({ type: 'call', id, request })
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
    served.set(id, answerTo(registry, call.request).subscribe(call.observer))
  }
  const serve = (id: string, request: TabRequest): void => {
    served.get(id)?.unsubscribe()
    endWith(id.replace(/-.*$/, ''))
    const subscription = new Subscription()
    served.set(id, subscription)
    subscription.add(
      answerTo(registry, request)
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
    lead?.unsubscribe()
    lead = undefined
    for (const each of [...served.values()]) each.unsubscribe()
    served.clear()
    tabs.clear()
  }
  const repeatCalls = (): void => {
    for (const [id, each] of calls) start(id, each)
  }
  const answer = (message: ToLeader): void => {
    switch (message.type) {
      case 'call':
        serve(message.id, message.request)
        return
      case 'cancel':
        served.get(message.id)?.unsubscribe()
        served.delete(message.id)
        return
      case 'ping':
        post({ type: 'alive' })
    }
  }
  const follow = (message: FromLeader): void => {
    silence = 0
    switch (message.type) {
      case 'leads':
        repeatCalls()
        return
      case 'alive':
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
  const receive = (message: TabMessage): void => {
    if (!('leader' in message)) {
      if (lead !== undefined) answer(message)
      return
    }
    leader = message.type === 'leads' ? message.leader : (leader ?? message.leader)
    if (lead === undefined && message.leader === leader) follow(message)
  }
  /** Waits for the lock, and leads while it has it. */
  const join = (): void => {
    const joined = new BroadcastChannel(name)
    channel = joined
    joined.onmessage = ({ data }) => {
      if (isRecord(data)) receive(data as unknown as TabMessage)
    }
    leaving = new AbortController()
    const { signal } = leaving
    present = new Promise(resolve => {
      const held = (): Promise<void> => {
        resolve()
        return new Promise(left => signal.addEventListener('abort', () => left()))
      }
      locks.request(lockOf(own), { signal }, held).catch(() => undefined)
    })
    const takeOver = leadByLock(locks, name, signal, () => {
      const mine = new Subscription()
      lead = mine
      leader = own
      mine.add(signalsOf(registry).returned.subscribe({
        next: () => {
          returned.next(undefined)
          post({ type: 'returned' })
        },
        error: () => release(),
      }))
      for (const id of calls.keys()) serveOwn(id)
      post({ type: 'leads' })
      return () => {
        if (lead !== mine) return
        stopServing()
        if (leader === own) leader = undefined
        repeatCalls()
      }
    })
    const checking = interval(checkEvery).subscribe({
      next: () => {
        if (lead !== undefined) return
        silence += 1
        if (silence <= silentChecks) ask({ type: 'ping' })
        else {
          silence = 0
          takeOver()
        }
      },
      error: () => release(),
    })
    release = () => {
      checking.unsubscribe()
      stopServing()
      leaving.abort()
      joined.close()
      channel = undefined
      leader = undefined
      silence = 0
    }
  }

  const call = <A extends TabAnswer>(request: TabRequest): Observable<A> =>
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
        if (lead === undefined) ask({ type: 'cancel', id })
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
