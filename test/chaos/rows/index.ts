import type { Row } from '../row.js'
import { access } from './access.js'
import { anotherHand } from './another-hand.js'
import { oneNode } from './one-node.js'
import { theEnd } from './the-end.js'

/** The failure matrix. */
export const rows: readonly Row[] = [...oneNode, ...anotherHand, ...access, ...theEnd]
