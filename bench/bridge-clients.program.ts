import { connect } from 'node:net'

// Opens many streams at one URL, and measures how old each change is when it arrives: its version is the time at which it was due. It reads sockets, so that it takes little of the
// machine.
const [url = 'http://127.0.0.1', count = '0'] = process.argv.slice(2)
const { hostname, port, pathname, host } = new URL(url)
const before = '\\"version\\":\\"'

/** How many changes were so many milliseconds old. */
const ages = new Uint32Array(120_000)
let open = 0

const read = (text: string): void => {
  const time = performance.timeOrigin + performance.now()
  for (let at = text.indexOf(before); at !== -1; at = text.indexOf(before, at)) {
    at += before.length
    const age = Math.ceil(time - Number(text.slice(at, text.indexOf('\\', at))))
    const bucket = Math.min(Math.max(age, 0), ages.length - 1)
    ages[bucket] = (ages[bucket] ?? 0) + 1
  }
}
const follow = (): void => {
  let rest = ''
  const socket = connect(Number(port), hostname, () => socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`))
  socket.once('data', () => (open += 1))
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const text = rest + chunk
    const end = text.lastIndexOf('\n') + 1
    read(text.slice(0, end))
    rest = text.slice(end)
  })
}
for (let index = 0; index < Number(count); index += 1) follow()

process.stdin.setEncoding('utf8').on('data', () => {
  const received = ages.reduce((sum, each) => sum + each, 0)
  const ageOf = (part: number): number => {
    let left = received * part
    return ages.findIndex(each => (left -= each) <= 0)
  }
  console.log(JSON.stringify({ open, received, p50: ageOf(0.5), p99: ageOf(0.99) }))
})
process.stdin.on('end', () => process.exit())
