export { advertise, type AdvertiseOptions } from './advertise.js'
export { onSignal } from './on-signal.js'
export { writeRecording, type WriteRecordingOptions } from './write-recording.js'
export { whenListening } from './when-listening.js'
