import { leasing } from './cases/leasing.js'
import { outage } from './cases/outage.js'
import { reading } from './cases/reading.js'
import { watching } from './cases/watching.js'
import { writing } from './cases/writing.js'
import { contract } from './contract.js'

/** The contract that every registry keeps, as tests: run it against your own registry, with the functions of your test runner. */
export const registryContract = contract('a registry', { reading, writing, watching, leasing, outage })
