export { registry } from './registry.js'
export { show } from './show.js'
export { begin } from './stage.js'
export { report } from './report.js'
