// TODO: its users import ../scene.js (or ../../scene.js) instead; then this file goes.
export * from '../scene.js'
