import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** A DNS server that answers every question of IPv4 addresses with `addresses`, and knows nothing else. */
export const dnsServer = async (addresses: readonly string[]) => {
  const socket = createSocket('udp4')
  socket.on('message', (query, { address, port }) => {
    // the question: labels up to an empty one, then a type and a class of two bytes each
    const end = query.indexOf(0, 12) + 5
    const question = query.subarray(12, end)
    const isAddress = query.readUInt16BE(end - 4) === 1
    const answers = isAddress ? addresses.map(ip => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...ip.split('.').map(Number)])) : []
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x85, 0x80, 0, 1, 0, answers.length, 0, 0, 0, 0])
    socket.send(Buffer.concat([head, question, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { authority: `127.0.0.1:${socket.address().port}`, close: () => socket.close() }
}
