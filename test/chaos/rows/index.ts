import type { Row } from '../row.js'
import { access } from './access.js'
import { anotherHand } from './another-hand.js'
import { network } from './network.js'
import { oneNode } from './one-node.js'
import { theProcess } from './process.js'
import { theEnd } from './the-end.js'
import { threeNodes } from './three-nodes.js'

/** The failure matrix. */
export const rows: readonly Row[] = [...oneNode, ...threeNodes, ...network, ...theProcess, ...anotherHand, ...access, ...theEnd]
