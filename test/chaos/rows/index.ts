import type { Row } from '../row.js'
import { anotherHand } from './another-hand.js'
import { oneNode } from './one-node.js'

/** The failure matrix. */
export const rows: readonly Row[] = [...oneNode, ...anotherHand]
