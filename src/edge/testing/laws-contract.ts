import { contract } from './contract.js'
import { endurance } from './laws/endurance.js'
import { knowledge } from './laws/knowledge.js'

/** The laws of registration and discovery, as tests: run them against your own registry, with the functions of your test runner. */
export const lawsContract = contract('the laws', { knowledge, endurance })
