export { raw, type Project, type Services } from '../../core/wire/serving.js'
export { sseHandler, type SseHandler, type SseHandlerOptions } from './sse-handler.js'
