import { quantile, story, type Call } from './scene.js'

const [width, height, left, top, right, bottom] = [860, 380, 60, 30, 150, 50]
const colours = ['#d1495b', '#edae49', '#8d6a9f', '#66a182', '#2e86ab', '#1b3a4b']
const [least, most] = [5, 2_000]

const x = (ms: number): number => left + (ms / story.end) * (width - left - right)
const y = (ms: number): number => top + (1 - Math.log(Math.min(most, Math.max(least, ms)) / least) / Math.log(most / least)) * (height - top - bottom)
const line = (x1: number, y1: number, x2: number, y2: number, stroke: string): string => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}"/>`
const text = (at: number, down: number, what: string, more = ''): string => `<text x="${at}" y="${down}" ${more}>${what}</text>`

/** The p99 of each two seconds, ms. */
const course = (calls: readonly Call[]): readonly (readonly [at: number, ms: number])[] =>
  Array.from({ length: story.end / 2_000 }, (_, at) => {
    const within = calls.filter(call => Math.floor(call.at / 2_000) === at).map(({ took }) => took).sort((a, b) => a - b)
    return [at * 2_000 + 1_000, quantile(within, 0.99)] as const
  })

/** A plot of each policy's p99 over time, on a logarithmic scale. */
export const plot = (all: Readonly<Record<string, readonly Call[]>>): string => {
  const grid = [10, 30, 100, 300, 1_000].map(ms => line(left, y(ms), width - right, y(ms), '#ddd') + text(left - 8, y(ms) + 4, `${ms} ms`, 'text-anchor="end"'))
  const events = [
    [story.slow, 'one turns 10× slower'], [story.broken, 'one fails fast'], [story.leaves, 'one leaves'], [story.joins, 'one joins'],
  ] as const
  const marks = events.map(([at, what], index) => line(x(at), top, x(at), height - bottom, '#999') + text(x(at) + 3, height - bottom + 16 + (index % 2) * 14, what))
  const curves = Object.entries(all).map(([name, calls], index) => {
    const points = course(calls).map(([at, ms]) => `${x(at).toFixed(1)},${y(ms).toFixed(1)}`).join(' ')
    const colour = colours[index % colours.length] ?? '#000'
    const legend = text(width - right + 12, top + 20 + index * 20, name, `fill="${colour}" font-weight="bold"`)
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>${legend}`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(left, 18, 'p99 latency of 600 calls a second to 20 servers, by policy, no ejection', 'font-weight="bold"'),
    ...grid, ...marks, ...curves, '</svg>', '',
  ].join('\n')
}
