import type { Row } from '../row.js'
import { network } from './network.js'
import { oneNode } from './one-node.js'
import { theProcess } from './process.js'

/** The failure matrix. */
export const rows: readonly Row[] = [...oneNode, ...network, ...theProcess]
