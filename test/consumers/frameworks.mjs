// Plays the projects of Nest and of Angular in all their versions: `npm run build && npm run test:frameworks`.
import { angularProjects } from './angular.mjs'
import { nestProjects } from './nest.mjs'
import { play } from './tools.mjs'

play(tarball => {
  nestProjects(tarball)
  angularProjects(tarball)
})
