import type { Row } from '../row.js'
import { oneNode } from './one-node.js'

/** The failure matrix. */
export const rows: readonly Row[] = [...oneNode]
