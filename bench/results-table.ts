/** The median of some numbers, which need not be sorted; `NaN` if there are none. */
export const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN

/** Prints nanoseconds with a unit that suits their size. */
export const duration = (ns: number): string =>
  ns < 1e3 ? `${ns.toFixed(0)} ns` : ns < 1e6 ? `${(ns / 1e3).toFixed(2)} µs` : ns < 1e9 ? `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : 0)} ms` : `${(ns / 1e9).toFixed(2)} s`

/** Prints milliseconds with a unit that suits their size. */
export const milliseconds = (ms: number): string => duration(ms * 1e6)

/** Prints bytes in MiB. */
export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

type Rows = readonly (readonly string[])[]

const printed: string[] = []

/** The tables that were printed since the last call, in Markdown. */
export const takeMarkdown = (): string => printed.splice(0).join('\n\n')

const markdown = (title: string, [head = [], ...rows]: Rows): string =>
  [`**${title}**\n`, head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows].map(row => (typeof row === 'string' ? row : `| ${row.join(' | ')} |`)).join('\n')

/** Prints rows with aligned columns under a title. The first row is the head. */
export const table = (title: string, rows: Rows): void => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')
  console.log([`\n${title}`, ...rows.map(line)].join('\n'))
  printed.push(markdown(title, rows))
}
