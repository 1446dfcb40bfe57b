export { raw, type Project, type Services } from '../../core/wire/serving.js'
export { sseHandler, type SseHandler } from './sse-handler.js'
export type { SseHandlerOptions } from './sse-handler-options.js'
