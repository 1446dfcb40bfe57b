import { backoff as backoffCheck, callIt, count, flag, formats, period, text, type Checks } from '../../core/arguments.js'
import type { Backoff } from '../../core/backoff.js'
import type { Format } from '../../core/formats/format.js'
import { either, listOf, must } from '../../core/validation.js'
import { projectCheck, servicesCheck, type Project, type Services } from '../../core/wire/serving.js'

/** Options of `sseHandler`. */
export interface SseHandlerOptions {
  /** The services that are served; `'all'`: every service of the format. A request for another one is answered 404, whether it exists or not. */
  readonly services: Services
  /** The format in the registry. Readers always get `native()`. @default native() */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- formats are invariant
  readonly format?: Format<any>
  /** What of an instance is served. @default everything but its metadata */
  readonly project?: Project
  /** How often a quiet stream shows that it lives, ms. @default 15000 */
  readonly heartbeat?: number
  /** How many responses may be open at once; further requests are answered 503 with `Retry-After`. @default 1000 */
  readonly maxClients?: number
  /** The pages of other origins that may read: all of them, or those of the list, such as `['https://shop.example']`. @default false */
  readonly cors?: boolean | readonly string[]
  /** The pauses between tries while the registry does not answer. @default exponential() */
  readonly backoff?: Backoff
}

/** The checks of the options. */
export const sseHandlerChecks: Checks<SseHandlerOptions> = {
  services: servicesCheck,
  format: must(value => !Array.isArray(value) && formats(value) === undefined, 'be one format, such as native()', callIt),
  project: projectCheck,
  heartbeat: period,
  maxClients: count,
  cors: either(flag, listOf(text, "a list of origins, such as ['https://shop.example']")),
  backoff: backoffCheck,
}
