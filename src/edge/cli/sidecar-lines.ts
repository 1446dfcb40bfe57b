import { connect, merge, mergeMap, type OperatorFunction } from 'rxjs'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Line } from './output.js'
import { registrationLines, type OnTaken } from './registration-lines.js'
import type { SidecarEvent } from './sidecar.js'

/** Turns what happens to a command and to its registration into lines. */
export const sidecarLines = (instance: ServiceInstance, onTaken: OnTaken, command: string, port: string): OperatorFunction<SidecarEvent, Line> => {
  const { service, id, address } = instance
  const common = { service, id, address }
  const ofCommand = (event: SidecarEvent): readonly Line[] => {
    switch (event.type) {
      case 'started':
        return [{ text: `process ${event.pid} runs ${command}; waiting until ${port} answers`, json: { ...event, ...common, command } }]
      case 'signalled':
        return [{ text: `process ${event.pid} gets ${event.signal}`, json: { ...event, ...common } }]
      case 'exited': {
        const { pid, code, signal } = event
        return [{ text: `process ${pid} ended ${signal === undefined ? `with exit code ${code}` : `by ${signal}`}`, json: { type: 'exited', ...common, pid, code, ...(signal !== undefined && { signal }) } }]
      }
      case 'registration':
        return []
    }
  }
  return connect(events =>
    merge(
      events.pipe(mergeMap(ofCommand)),
      events.pipe(mergeMap(event => (event.type === 'registration' ? [event.registration] : [])), registrationLines(instance, onTaken)),
    ),
  )
}
