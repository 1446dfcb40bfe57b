import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Controller, Get, Inject, type DynamicModule, type INestApplication, type NestApplicationOptions, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { lastValueFrom } from 'rxjs'
import { balance, discover, roundRobin, type ClosableRegistry, type Registry } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { ServiceDiscoveryModule, ServiceRegistration } from 'rx-discovery/nest'

// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class, and documents object literals
const silent: NestApplicationOptions = { logger: false, return503OnClosing: true }

/** The HTTP platforms of Nest. */
export type Platform = 'express' | 'fastify'

/** What is rolled. */
export interface RollOptions {
  readonly platform: Platform
  /** Where the module is imported: by the root module, or by a module that it imports. */
  readonly place: 'root' | 'below'
  /** How often each of the three instances is replaced. */
  readonly rounds: number
  /** ms */
  readonly drain: number
  /** How long another module takes to bootstrap, ms. */
  readonly bootstrap: number
}

/** What the callers saw. */
export interface Rolled {
  readonly requests: number
  readonly lost: readonly string[]
  /** For each replacement, how many calls chose others from its registration on until one chose it. */
  readonly passedOver: readonly number[]
}

/** A client such as Prisma's, which is of no use once its module is destroyed. */
class Database implements OnModuleDestroy {
  #connected = true
  async query(): Promise<void> {
    this.#check('is disconnected')
    await sleep(20)
    this.#check('was disconnected during a query')
  }
  #check(problem: string): void {
    if (!this.#connected) throw new Error(`the database ${problem}`)
  }
  onModuleDestroy(): void {
    this.#connected = false
  }
}
const databases = { root: Symbol('database of the root module'), global: Symbol('database of a global module') }

class Orders {
  readonly #root: Database
  readonly #global: Database
  constructor(root: Database, global: Database) {
    this.#root = root
    this.#global = global
  }
  async find(): Promise<string> {
    await this.#root.query()
    await this.#global.query()
    return 'found'
  }
}
Inject(databases.root)(Orders, undefined, 0)
Inject(databases.global)(Orders, undefined, 1)
Get()(Orders.prototype, 'find', Object.getOwnPropertyDescriptor(Orders.prototype, 'find') ?? {})
Controller('orders')(Orders)

class Slow implements OnApplicationBootstrap {
  readonly #ms: number
  constructor(ms: number) {
    this.#ms = ms
  }
  async onApplicationBootstrap(): Promise<void> {
    await sleep(this.#ms)
  }
}

/** A module of a test, which is another one at each call. */
export const named = (definition: Omit<DynamicModule, 'module'>): DynamicModule => ({ module: class { readonly isOfTest = true }, ...definition })

/** The root module of an instance, with a database of its own and one of a global module. */
const rootOf = (registry: Registry, { place, drain, bootstrap }: RollOptions): DynamicModule => {
  const discovery = ServiceDiscoveryModule.forRoot({ registry, registration: { service: 'orders', address: '127.0.0.1', drain } })
  return named({
    imports: [
      place === 'root' ? discovery : named({ imports: [named({ imports: [discovery] })] }),
      named({ global: true, providers: [{ provide: databases.global, useClass: Database }], exports: [databases.global] }),
      named({ providers: [{ provide: Slow, useFactory: () => new Slow(bootstrap) }] }),
    ],
    controllers: [Orders],
    providers: [{ provide: databases.root, useClass: Database }],
  })
}

interface Instance {
  readonly app: INestApplication
  readonly address: string
  /** How many calls had been made when it was registered. */
  readonly since: number
}

/** Three instances under 150 requests a second, without retries; each of them is replaced in turn. */
export const roll = async (options: RollOptions): Promise<Rolled> => {
  const registry = memoryRegistry()
  // An app closes its registry, and this one is shared by all of them.
  const shared: ClosableRegistry = { ...registry, close: () => Promise.resolve() }
  const chosen: string[] = []
  const start = async (): Promise<Instance> => {
    const app = await NestFactory.create(rootOf(shared, options), options.platform === 'express' ? new ExpressAdapter() : new FastifyAdapter(), silent)
    await app.listen(0, '127.0.0.1')
    const registration = app.get(ServiceRegistration)
    while (registration.state?.status !== 'registered') await sleep(1)
    return { app, address: new URL(await app.getUrl()).host, since: chosen.length }
  }
  const instances = [await start(), await start(), await start()]

  const lost: string[] = []
  const calls: Promise<unknown>[] = []
  const orders = balance(discover(registry, 'orders'), roundRobin())
  const call = async (): Promise<void> => {
    try {
      await lastValueFrom(
        orders.use(async ({ address }) => {
          chosen.push(address)
          const response = await fetch(`http://${address}/orders`)
          const text = await response.text()
          if (text !== 'found') throw new Error(`${response.status} ${text}`)
        }),
      )
    } catch (error) {
      lost.push(inspect(error))
    }
  }
  const calling = setInterval(() => calls.push(call(), call(), call()), 20)

  const replacements: Instance[] = []
  for (let round = 0; round < options.rounds; round++)
    for (const index of instances.keys()) {
      const replacement = await start()
      await instances[index]?.app.close()
      replacements.push(replacement)
      instances[index] = replacement
    }

  clearInterval(calling)
  await Promise.all(calls)
  await Promise.all(instances.map(({ app }) => app.close()))
  await registry.close()
  const passedOver = replacements.map(({ address, since }) => (chosen.includes(address) ? Math.max(0, chosen.indexOf(address) - since) : Infinity))
  return { requests: calls.length, lost, passedOver }
}
