import { median } from '../../bench/results-table.js'
import type { Outcome, Result } from './row.js'

const short = (ms: number): string => (ms < 1 ? '0 ms' : ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)

/** The median and the worst of some times; `none` if there are none. Missing times are counted as never. */
const times = (all: readonly (number | undefined)[], none: string): string => {
  const present = all.filter(time => time !== undefined)
  if (present.length === 0) return none
  const [middle, worst] = [median(present), Math.max(...present)]
  const missing = all.length - present.length
  return `${short(middle)}${present.length > 1 ? ` (${short(worst)})` : ''}${missing > 0 && none === 'never' ? `, ${missing} × never` : ''}`
}

const both = (sets: string, registration: string): string => (sets === registration ? sets : `${sets} / ${registration}`)

/** The states in order; a repeated sequence is shortened to its count. */
const trace = (states: readonly string[]): string => {
  for (const period of [2, 3, 4])
    for (let rounds = Math.floor((states.length - 1) / period); rounds > 2; rounds -= 1) {
      const round = states.slice(1, 1 + period)
      if (states.slice(1, 1 + period * rounds).every((state, index) => state === round[index % period])) {
        const rest = states.slice(1 + period * rounds)
        return [states[0], `${rounds} × (${round.join(' → ')})`, ...rest].join(' → ')
      }
    }
  return states.length > 9 ? [...states.slice(0, 6), `… ${states.length - 8} more …`, ...states.slice(-2)].join(' → ') : states.join(' → ')
}

const lost = ({ wrong, untrue, liveSets, registration }: Result): string => {
  const parts = [
    ...(wrong > 0 ? [`${wrong} keys wrong`] : wrong < 0 ? ['did not answer'] : []),
    ...(untrue > 0 ? [`${untrue} of ${liveSets} live sets wrong`] : []),
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
  both(times(ours.setsDetected, '–'), times(ours.lossDetected, '–')),
  both(times(ours.setsRecovered, 'never'), times(ours.registrationRecovered, 'never')),
  lost(ours),
  left(ours),
  both(times(stock.setsDetected, '–'), times(stock.lossDetected, '–')),
  both(times(stock.setsRecovered, 'never'), times(stock.registrationRecovered, 'never')),
  `${lost(stock)}${crashed(stock)}`,
]

const heads = ['fault', 'discovery emits', 'registration emits', 'detected', 'recovered', 'lost', 'left', 'etcd3: detected', 'recovered', 'lost']

const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`

/** The failure matrix in Markdown, one table per group. */
export const matrix = (outcomes: readonly Outcome[]): string =>
  [...new Set(outcomes.map(({ row }) => row.group))]
    .map(group => {
      const rows = outcomes.filter(({ row }) => row.group === group).map(cells)
      return [`### ${group}`, '', line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
    })
    .join('\n\n')

/** One outcome as text for the terminal. */
export const summary = (outcome: Outcome): string => {
  const [name = '', ...rest] = cells(outcome)
  return [
    `${outcome.problems.length === 0 ? 'ok' : 'FAILED'}  ${outcome.row.group}: ${name}`,
    ...rest.map((cell, index) => `      ${(heads[index + 1] ?? '').padEnd(18)} ${cell}`),
    ...outcome.problems.map(problem => `      problem            ${problem}`),
  ].join('\n')
}
