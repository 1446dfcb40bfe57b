export { registryContract, type Runner, type UnderTest } from './testing/contract.js'
export type { Levers, Release } from './testing/levers.js'
export type { Expect } from './testing/scene.js'
export { virtually, type VirtualHelpers } from './testing/virtually.js'
