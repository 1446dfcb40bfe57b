import { status, type experimental, type Metadata } from '@grpc/grpc-js'
import type { Outcome } from '../../core/balance/policy.js'
import type { Picker } from '../../flow/balancing/picker.js'
import type { Endpoint } from '../../flow/balancing/ready-set.js'
import { newMemory, Try } from '../../flow/balancing/try.js'

/** Receives what becomes of a call; all versions of grpc-js pass a listener with these methods. */
interface CallListener {
  onReceiveMessage(message: unknown): void
}

/** What all versions of grpc-js ask of a connection that was picked. */
interface Connection {
  createCall(metadata: Metadata, host: string, method: string, listener: CallListener, ...more: readonly unknown[]): unknown
}

/** What gRPC may do with a pick; it uses the connection when the metadata of the call's credentials are there, or drops the pick. */
type Pick = experimental.PickResult

// both delegate all else, so that it does not matter which further methods a version of grpc-js calls
const delegating = <T extends object>(target: T, methods: Partial<T>): T => Object.assign(Object.create(target) as T, methods)

/** Counts calls from their pick to their end, and measures how long the first message takes. */
export class TrackedCalls {
  readonly #picker: Picker<unknown>
  readonly #failures: ReadonlySet<status>
  /** Counted with their pick, so that the next pick sees them; not started yet. */
  readonly #picked = new Set<Try<unknown>>()

  constructor(picker: Picker<unknown>, failures: ReadonlySet<status>) {
    this.#picker = picker
    this.#failures = failures
  }

  /** The pick of an endpoint's connection, which reports how its call goes. */
  track(endpoint: Endpoint<unknown>, pick: Pick): Pick {
    const { subchannel } = pick
    if (subchannel === null) return pick
    const picked = this.#reserve(endpoint)
    let call: Try<unknown> | undefined
    const begin = (): Try<unknown> => {
      if (call !== undefined) return call
      call = this.#picked.delete(picked) ? picked : this.#try(endpoint)
      call.publish(call, 1)
      return call
    }
    const real = subchannel.getRealSubchannel() as unknown as Connection
    const createCall: Connection['createCall'] = (metadata, host, method, listener, ...more) => {
      const begun = begin()
      const onReceiveMessage = (message: unknown): void => {
        begun.answer()
        listener.onReceiveMessage(message)
      }
      try {
        return begun.within(() => real.createCall(metadata, host, method, { ...listener, onReceiveMessage }, ...more))
      } catch (error) {
        begun.end('failure', error)
        throw error
      }
    }
    const observed = delegating(real, { createCall }) as unknown as ReturnType<typeof subchannel.getRealSubchannel>
    return {
      ...pick,
      subchannel: delegating(subchannel, { getRealSubchannel: () => observed }),
      // a balancer around this one may have unwrapped the connection: then the call is measured as a whole
      onCallStarted: () => {
        begin()
        pick.onCallStarted?.()
      },
      onCallEnded: (code, ...more) => {
        call?.end(this.#resultOf(code), code === status.OK ? undefined : { code: status[code] })
        pick.onCallEnded?.(code, ...more)
      },
    }
  }

  #try(endpoint: Endpoint<unknown>): Try<unknown> {
    return new Try(endpoint, false, this.#picker, newMemory())
  }

  /** gRPC does not report picks that it drops. So what has not started within a turn of the event loop is taken back, and counted when it starts. */
  #reserve(endpoint: Endpoint<unknown>): Try<unknown> {
    const picked = this.#try(endpoint)
    if (this.#picked.size === 0)
      setImmediate(() => {
        for (const one of this.#picked) one.withdraw()
        this.#picked.clear()
      })
    this.#picked.add(picked)
    return picked
  }

  #resultOf(code: status): Outcome['result'] {
    return code === status.CANCELLED ? 'abandoned' : this.#failures.has(code) ? 'failure' : 'success'
  }
}
