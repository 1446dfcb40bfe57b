import type { Row } from '../row.js'
import { oneNode } from './one-node.js'
import { threeNodes } from './three-nodes.js'

/** The failure matrix. */
export const rows: readonly Row[] = [...oneNode, ...threeNodes]
