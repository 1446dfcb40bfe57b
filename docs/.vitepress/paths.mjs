import { readdirSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')
/** The pages of the site, as they are gathered and generated. */
export const content = join(import.meta.dirname, 'content')
/** The subpaths of the package that export names; the command line exports none. */
export const subpaths = readdirSync(join(root, 'src/edge')).filter(edge => edge !== 'cli')
