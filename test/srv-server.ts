import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** Host and port of each record by name; or the code with which DNS refuses. */
export type Zone = Readonly<Record<string, readonly (readonly [host: string, port: number])[] | number>>
const labels = (name: string): Buffer => Buffer.concat([...name.split('.').filter(part => part !== '').map(part => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)])), Buffer.from([0])])
const uint16 = (...values: readonly number[]): Buffer => Buffer.concat(values.map(value => Buffer.from([value >> 8, value & 255])))
const nameIn = (message: Buffer): string => {
  const parts: string[] = []
  for (let at = 12, length = message[at] ?? 0; length > 0; at += length + 1, length = message[at] ?? 0) parts.push(message.toString('latin1', at + 1, at + 1 + length))
  return parts.join('.')
}

/** A DNS server on the loopback that knows SRV records. */
export const srvServer = async (zone: Zone) => {
  const asked: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    const name = nameIn(message)
    asked.push(name)
    const found = zone[name] ?? 3
    const records = typeof found === 'number' ? [] : found
    const question = Buffer.concat([labels(name), uint16(33, 1)])
    const answers = records.map(([host, to]) => {
      const data = Buffer.concat([uint16(10, 5, to), labels(host)])
      return Buffer.concat([uint16(0xc00c, 33, 1, 0, 60, data.length), data])
    })
    const head = Buffer.concat([message.subarray(0, 2), uint16(0x8180 | (typeof found === 'number' ? found : 0), 1, records.length, 0, 0)])
    socket.send(Buffer.concat([head, question, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server = `127.0.0.1:${socket.address().port}`
  return { asked, server, close: () => socket.close() }
}
