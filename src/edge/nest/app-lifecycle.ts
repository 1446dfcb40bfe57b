import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common'
import type { HttpAdapterHost, ModulesContainer } from '@nestjs/core'
import { defer, of, Subscription } from 'rxjs'
import type { ClosableRegistry, Registry } from 'rx-discovery'
import { nothing } from '#internal/flow/subscribe-within'
import type { ServiceRegistration } from './service-registration.js'

type Module = ModulesContainer extends Map<string, infer M> ? M : never

/** The part of an HTTP adapter that Nest 12 has, and Nest 11 has not: called, and awaited, before every hook. */
interface ClosingAdapter {
  beforeClose?: () => unknown
}

/** The registrations of an app, in all its registries: they drain together. */
const registrations = new WeakMap<ModulesContainer, ServiceRegistration[]>()

/** What an {@link AppLifecycle} looks after. */
export interface AppParts {
  readonly registry: Registry & Partial<ClosableRegistry>
  readonly registration: ServiceRegistration
  readonly manualRegistration: boolean
  readonly host: HttpAdapterHost
  readonly modules: ModulesContainer
  /** A token that only the module of this lifecycle provides. */
  readonly token: symbol
}

const logger = new Logger('ServiceDiscoveryModule')
const tooLate =
  'the registration drains after other providers were destroyed, so requests may fail (call and await ServiceRegistration.drain() before app.close(), and report this with the version of @nestjs/core)'

/**
 * Begins the registration when the app listens, drains it before any other provider is destroyed, and closes the registry when the server is closed.
 *
 * Nest destroys modules in the order of their distance from the root, the root first and global modules last, so a hook alone would drain after the providers of the root.
 * Two ways put the drain first: the module takes the distance -1, and on Nest 12 `beforeClose` of the HTTP adapter, which runs before every hook, waits for the drain, too.
 */
export class AppLifecycle implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly #parts: AppParts
  #listening = Subscription.EMPTY

  constructor(parts: AppParts) {
    this.#parts = parts
    const { modules, registration } = parts
    registrations.set(modules, [...(registrations.get(modules) ?? []), registration])
    // Nest sorts the modules at the first hook, after all providers were made.
    const own = this.#own()
    if (own !== undefined) own.distance = -1
  }

  onApplicationBootstrap(): void {
    const { registration, host, manualRegistration } = this.#parts
    if (!registration.isConfigured) return
    registration.prepare()
    this.#drainBeforeClose()
    if (manualRegistration) return
    // `listen$` does not emit again for an app that listens already.
    const listening$ = defer(() => (host.listening ? of(undefined) : host.listen$))
    this.#listening = listening$.subscribe({ next: () => registration.start(), error: nothing })
  }

  async onModuleDestroy(): Promise<void> {
    const { registration } = this.#parts
    this.#listening.unsubscribe()
    if (registration.isConfigured && !registration.isDraining && !this.#isFirst()) logger.error(tooLate)
    await this.#drain()
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#parts.registry.close?.()
  }

  async #drain(): Promise<void> {
    await Promise.all((registrations.get(this.#parts.modules) ?? []).map(registration => registration.drain()))
  }

  #drainBeforeClose(): void {
    const adapter = this.#parts.host.httpAdapter as ClosingAdapter | undefined
    const original = adapter?.beforeClose?.bind(adapter)
    if (adapter === undefined || original === undefined) return
    adapter.beforeClose = async () => {
      await this.#drain()
      return original()
    }
  }

  #own(): Module | undefined {
    const { modules, token } = this.#parts
    return [...modules.values()].find(({ providers }) => providers.has(token))
  }

  /** Whether no other module is destroyed before, but such as have a lifecycle of their own. */
  #isFirst(): boolean {
    const own = this.#own()
    return own !== undefined && [...this.#parts.modules.values()].every(({ distance, metatype }) => distance > own.distance || metatype === own.metatype)
  }
}
