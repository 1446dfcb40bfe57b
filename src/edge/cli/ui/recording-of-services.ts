import { native } from '../../../core/formats/native.js'
import { isRecord } from '../../../core/instance/json.js'

const { serviceOf = () => undefined } = native()

/** The text of a recording with these services only. Lines that cannot be read stay as they are. The digests are still those of all services. */
export const recordingOfServices = (text: string, services: readonly string[]): string => {
  const isWanted = (row: unknown): boolean => Array.isArray(row) && typeof row[0] === 'string' && services.includes(serviceOf(row[0]) ?? '')
  const ofLine = (line: string): string => {
    try {
      const event: unknown = JSON.parse(line)
      if (!isRecord(event) || !isRecord(event['data']) || !Array.isArray(event['data']['changes'])) return line
      return JSON.stringify({ ...event, data: { ...event['data'], changes: event['data']['changes'].filter(isWanted) } })
    } catch {
      return line
    }
  }
  return text.split('\n').map(ofLine).join('\n')
}
