// Plays the projects of Nest in all its versions: `npm run build && npm run test:nest`.
import { nestProjects } from './nest.mjs'
import { play } from './tools.mjs'

play(nestProjects)
