import type { Outcome } from '../core/balance/policy.js'
import type { ServiceInstance } from '../core/instance/instance.js'
import type { Registration } from '../core/register/registration.js'
import type { ServiceSet } from '../core/sets/service-set.js'
import type { ReadableRegistry } from './registry.js'

/** What the library publishes on the channels of `node:diagnostics_channel`: the type of the messages, by the name of the channel. */
export interface DiagnosticMessages {
  /** The sets that a run of `discover` or `catalog` emits, by service; an empty map when it ends. `run` is the same object for all messages of a run. */
  readonly 'rx-discovery:sets': { readonly run: object; readonly registry: ReadableRegistry; readonly sets: ReadonlyMap<string, ServiceSet> }
  /**
   * A list-watch of `discover` or `catalog` has listed everything under its prefix, because of `error`, or for the first time if there is none; or `error` has
   * interrupted it, and it will try again.
   */
  readonly 'rx-discovery:list-watch': {
    readonly registry: ReadableRegistry
    readonly prefix: string
    readonly event: 'listed' | 'interrupted'
    readonly error: Error | undefined
  }
  /** What `register` emits, and `undefined` when it ends. `run` is the same object for all messages of a registration; its `service` is `''` until an instance is known. */
  readonly 'rx-discovery:registration': {
    readonly run: { readonly service: string }
    readonly registry: ReadableRegistry
    readonly registration: Registration | undefined
  }
  /** A try of a balanced call, before it begins, and once more, as the same object and with a `result`, when it has ended. */
  readonly 'rx-discovery:call': {
    /** The same object for all tries of a call. */
    readonly call: object
    /** The number of the try within its call, counted from 1. */
    readonly attempt: number
    readonly instance: ServiceInstance
    /** Makes the call. A subscriber may wrap it when the try begins, so that the call runs inside a context of its own. */
    within: <A>(make: () => A) => A
    /** How the try ended for the instance: an error that is not the instance's failure is a `success`. */
    result?: Outcome['result']
    /** What the try failed with, if it did. */
    error?: unknown
    /** From the beginning to the end of the try, ms. */
    duration?: number
    /** Whether the retry budget has refused another try. */
    refused?: boolean
  }
  /** A balancer has ejected an instance for `duration` ms. */
  readonly 'rx-discovery:ejection': { readonly instance: ServiceInstance; readonly duration: number }
}

interface Channel<A> {
  readonly hasSubscribers: boolean
  readonly publish: (message: A) => void
}

interface Host {
  readonly process?: { readonly getBuiltinModule?: (name: string) => { readonly channel: (name: string) => Channel<unknown> } | undefined }
}

const silent: Channel<unknown> = { hasSubscribers: false, publish: () => undefined }

const open = () => {
  // Not imported: browsers, and bundlers for them, do not have it.
  const diagnostics = (globalThis as Host).process?.getBuiltinModule?.('node:diagnostics_channel')
  const channel = <Name extends keyof DiagnosticMessages>(name: Name): Channel<DiagnosticMessages[Name]> => diagnostics?.channel(name) ?? silent
  return {
    sets: channel('rx-discovery:sets'),
    listWatch: channel('rx-discovery:list-watch'),
    registration: channel('rx-discovery:registration'),
    call: channel('rx-discovery:call'),
    ejection: channel('rx-discovery:ejection'),
  }
}

/** The channels on which the library publishes what happens, for whoever observes the process. Publish behind `hasSubscribers`: without a subscriber nothing may be made. */
export const channels = /* @__PURE__ */ open()
