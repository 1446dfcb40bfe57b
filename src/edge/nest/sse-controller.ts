import type { IncomingMessage, ServerResponse } from 'node:http'
import { Controller, Get, Inject, Options, Req, Res, type OnModuleDestroy, type Type } from '@nestjs/common'
import type { Subscription } from 'rxjs'
import { text } from '#internal/core/arguments'
import { invalidIf, throwIfInvalid } from '#internal/core/validation'
import { nothing } from '#internal/flow/subscribe-within'
import type { Registry } from 'rx-discovery'
import { sseHandler, type SseHandler, type SseHandlerOptions } from 'rx-discovery/sse'
import { getRegistrationToken, getRegistryToken } from './injection-tokens.js'
import type { ServiceRegistration } from './service-registration.js'

/** Options of {@link sseController}: those of `sseHandler` of `rx-discovery/sse`, and: */
export interface SseControllerOptions extends SseHandlerOptions {
  /** The path of the controller. @default 'discovery' */
  readonly path?: string | undefined
  /** The name of the registry, as given to `forRoot`. @default none */
  readonly name?: string | undefined
}

/** An instance of the class that {@link sseController} makes. */
export interface SseController {
  /** How many responses are open. */
  readonly clients: () => number
}

/** What Fastify hands to a route, with the pair of `node:http` inside; Express hands over that pair. */
interface FastifyRequest {
  readonly raw: IncomingMessage
}
/** The other half of it. */
interface FastifyReply {
  readonly raw: ServerResponse
  readonly hijack: () => unknown
  readonly getHeaders: () => Readonly<Record<string, number | string | string[] | undefined>>
}

const isOfFastify = (response: ServerResponse | FastifyReply): response is FastifyReply => 'hijack' in response

/** Takes the response from Fastify, with the headers that its hooks have set, such as those of CORS. */
const takenFrom = (reply: FastifyReply): ServerResponse => {
  reply.hijack()
  for (const [header, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(header, value)
  return reply.raw
}

const decorate = (prototype: object, method: string, ...decorators: readonly MethodDecorator[]): void => {
  for (const each of decorators) each(prototype, method, Object.getOwnPropertyDescriptor(prototype, method) ?? {})
}

/**
 * Makes a controller that serves services to browsers by server-sent events, for `sseRegistry` of `rx-discovery/browser`. Guards, the global prefix and versions of the app apply
 * to it. Its streams end at the shutdown, after the instance was revoked and before the drain waits for requests in flight. Throws `InvalidArgument` if `path` is wrong; if another
 * option is wrong, the app fails to start.
 *
 * @example Module({ controllers: [sseController({ path: 'discovery', services: ['orders'] })] })
 * @example UseGuards(AuthGuard) class DiscoveryController extends sseController({ services: ['orders'] }) {}
 */
export const sseController = ({ path = 'discovery', name, ...options }: SseControllerOptions): Type<SseController> => {
  throwIfInvalid(invalidIf('path', text, path))
  class ServiceDiscoverySseController implements SseController, OnModuleDestroy {
    readonly #handler: SseHandler
    readonly #untilEnded: Subscription
    readonly clients: () => number

    constructor(registry: Registry, registration: ServiceRegistration) {
      this.#handler = sseHandler(registry, options)
      this.clients = this.#handler.clients
      this.#untilEnded = registration.ended$.subscribe({ next: this.#handler.close, error: nothing })
    }

    serve(request: IncomingMessage | FastifyRequest, response: ServerResponse | FastifyReply): void {
      this.#handler('raw' in request ? request.raw : request, isOfFastify(response) ? takenFrom(response) : response)
    }

    preflight(request: IncomingMessage | FastifyRequest, response: ServerResponse | FastifyReply): void {
      this.serve(request, response)
    }

    onModuleDestroy(): void {
      this.#untilEnded.unsubscribe()
      this.#handler.close()
    }
  }
  const { prototype } = ServiceDiscoverySseController
  Inject(getRegistryToken(name))(ServiceDiscoverySseController, undefined, 0)
  Inject(getRegistrationToken(name))(ServiceDiscoverySseController, undefined, 1)
  for (const [method, route] of [['serve', Get()], ['preflight', Options()]] as const) {
    Req()(prototype, method, 0)
    Res()(prototype, method, 1)
    decorate(prototype, method, route)
  }
  Controller(path)(ServiceDiscoverySseController)
  return ServiceDiscoverySseController
}
