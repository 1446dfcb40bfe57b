/** Measured values by name. `problem` is set if a condition did not hold. */
export interface Measured {
  readonly problem?: string
  readonly [name: string]: string | undefined
}

/** A load under which rx-discovery and etcd3 are measured. */
export interface Trial {
  readonly name: string
  readonly run: (seed: number) => Promise<{ readonly ours: Measured; readonly stock: Measured }>
}

/** A trial as a Markdown table. */
export const trialTable = (name: string, { ours, stock }: { readonly ours: Measured; readonly stock: Measured }): string =>
  [
    `### ${name}`,
    '',
    '| | rx-discovery | etcd3 |',
    '| --- | --- | --- |',
    ...[...new Set([...Object.keys(ours), ...Object.keys(stock)])].filter(key => key !== 'problem').map(key => `| ${key} | ${ours[key] ?? ''} | ${stock[key] ?? ''} |`),
  ].join('\n')
