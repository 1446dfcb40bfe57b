export { sseRegistry, type SseRegistryOptions } from './sse-registry.js'
