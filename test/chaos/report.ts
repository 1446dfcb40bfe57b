import { median } from '../../bench/table.js'
import type { Outcome, Result } from './outcome.js'

const short = (ms: number): string => (ms < 1 ? '0 ms' : ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)

/** Times as the middle one and the worst; `none` where there is none, `missing` for each that never came. */
const times = (all: readonly (number | undefined)[], none: string): string => {
  const known = all.filter(time => time !== undefined)
  if (known.length === 0) return none
  const [middle, worst] = [median(known), Math.max(...known)]
  const missing = all.length - known.length
  return `${short(middle)}${known.length > 1 ? ` (${short(worst)})` : ''}${missing > 0 && none === 'never' ? `, ${missing} × never` : ''}`
}

const both = (sets: string, registration: string): string => (sets === registration ? sets : `${sets} / ${registration}`)

/** The words in order; what repeats itself is said once, with how often. */
const trace = (words: readonly string[]): string => {
  for (const period of [2, 3, 4])
    for (let rounds = Math.floor((words.length - 1) / period); rounds > 2; rounds -= 1) {
      const round = words.slice(1, 1 + period)
      if (words.slice(1, 1 + period * rounds).every((word, index) => word === round[index % period])) {
        const rest = words.slice(1 + period * rounds)
        return [words[0], `${rounds} × (${round.join(' → ')})`, ...rest].join(' → ')
      }
    }
  return words.length > 9 ? [...words.slice(0, 6), `… ${words.length - 8} more …`, ...words.slice(-2)].join(' → ') : words.join(' → ')
}

const lost = ({ wrong, untrue, views, registration }: Result): string => {
  const parts = [
    ...(wrong > 0 ? [`${wrong} keys wrong`] : wrong < 0 ? ['did not answer'] : []),
    ...(untrue > 0 ? [`${untrue} of ${views} sets untrue`] : []),
    ...(registration.length === 0 ? ['never registered'] : []),
  ]
  return parts.join(', ') || 'nothing'
}

const left = ({ leases, keys, complaint }: Result): string =>
  [...(leases > 0 ? [`${leases} leases`] : []), ...(keys > 0 ? [`${keys} keys`] : []), ...(complaint === undefined ? ['the process'] : [])].join(', ') || 'nothing'

const crashed = ({ failures }: Result): string => (failures.some(failure => /uncaught|unhandled/.test(failure)) ? ', an uncaught error' : '')

const cells = ({ row, notes, ours, stock }: Outcome): readonly string[] => [
  `${row.name}${(row.times ?? 1) > 1 ? `, ${row.times ?? 1} times` : ''}${[...(row.remark === undefined ? [] : [row.remark]), ...notes].map(text => ` (${text})`).join('')}`,
  trace(ours.sets),
  trace(ours.registration),
  both(times(ours.noticed, '–'), times(ours.missed, '–')),
  both(times(ours.right, 'never'), times(ours.back, 'never')),
  lost(ours),
  left(ours),
  both(times(stock.noticed, '–'), times(stock.missed, '–')),
  both(times(stock.right, 'never'), times(stock.back, 'never')),
  `${lost(stock)}${crashed(stock)}`,
]

const heads = ['fault', 'discovery shows', 'registration says', 'noticed', 'right again', 'lost', 'left', 'etcd3: noticed', 'right again', 'lost']

const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`

/** The failure matrix in Markdown, a table for each group. */
export const matrix = (outcomes: readonly Outcome[]): string =>
  [...new Set(outcomes.map(({ row }) => row.group))]
    .map(group => {
      const rows = outcomes.filter(({ row }) => row.group === group).map(cells)
      return [`### ${group}`, '', line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
    })
    .join('\n\n')

/** One outcome, for who watches. */
export const summary = (outcome: Outcome): string => {
  const [name = '', ...rest] = cells(outcome)
  return [
    `${outcome.problems.length === 0 ? 'ok' : 'FAILED'}  ${outcome.row.group}: ${name}`,
    ...rest.map((cell, index) => `      ${(heads[index + 1] ?? '').padEnd(18)} ${cell}`),
    ...outcome.problems.map(problem => `      problem            ${problem}`),
  ].join('\n')
}
