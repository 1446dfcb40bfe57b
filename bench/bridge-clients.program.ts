import { Agent, get } from 'node:http'

// Opens many streams at one URL, and measures how old each change is when it arrives: its version is the time at which it was written.
const [url = '', count = '0'] = process.argv.slice(2)
const agent = new Agent({ maxSockets: Infinity })
let latencies: number[] = []
let open = 0

const connect = (): void => {
  get(url, { agent }, response => {
    open += 1
    response.setEncoding('utf8').on('data', (text: string) => {
      for (const [, written = ''] of text.matchAll(/"version\\":\\"(\d+\.\d+)\\"/g)) latencies.push(performance.timeOrigin + performance.now() - Number(written))
    })
  })
}
for (let index = 0; index < Number(count); index += 1) connect()

process.stdin.setEncoding('utf8').on('data', () => {
  const sorted = latencies.sort((a, b) => a - b)
  latencies = []
  console.log(JSON.stringify({ open, received: sorted.length, p50: sorted[sorted.length >> 1] ?? null, p99: sorted[Math.floor(sorted.length * 0.99)] ?? null }))
})
