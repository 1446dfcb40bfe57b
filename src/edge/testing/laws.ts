import { contract } from './contract.js'
import { endurance } from './laws/endurance.js'
import { knowledge } from './laws/knowledge.js'

/** The laws of registration and discovery, held against a registry with your test runner's functions. */
export const lawsContract = contract('the laws', { knowledge, endurance })
