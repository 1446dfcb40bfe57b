/** What was measured, by name; `problem`: what should not be. */
export interface Measured {
  readonly problem?: string
  readonly [name: string]: string | undefined
}

/** A load, under which ours and etcd3's are measured one after the other. */
export interface Trial {
  readonly name: string
  readonly run: (seed: number) => Promise<{ readonly ours: Measured; readonly stock: Measured }>
}

/** The table of a trial in Markdown. */
export const trialTable = (name: string, { ours, stock }: { readonly ours: Measured; readonly stock: Measured }): string =>
  [
    `### ${name}`,
    '',
    '| | rx-discovery | etcd3 |',
    '| --- | --- | --- |',
    ...[...new Set([...Object.keys(ours), ...Object.keys(stock)])].filter(key => key !== 'problem').map(key => `| ${key} | ${ours[key] ?? ''} | ${stock[key] ?? ''} |`),
  ].join('\n')
