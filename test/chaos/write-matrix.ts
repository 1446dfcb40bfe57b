import { writeBetween } from '../../bench/write-between.js'

type Sections = ReadonlyMap<string, readonly string[]>

/** The tables in a text by heading, each a list of lines. */
const sectionsOf = (text: string): Sections => {
  const parts = text.split(/^### /m).slice(1)
  return new Map(parts.map(part => {
    const [heading = '', ...lines] = part.trim().split('\n')
    return [heading, lines.filter(line => line.startsWith('|'))]
  }))
}

const labelOf = (line: string): string => line.split(' | ')[0] ?? ''

/** Replaces the rows that were played again, keeps the others, and orders them by `titles`: the first cell of a row begins with its title. */
const mergedLines = (old: readonly string[], fresh: readonly string[], titles: readonly string[]): readonly string[] => {
  const [head = '', rule = ''] = fresh
  const titleOf = (line: string): string =>
    titles.filter(title => labelOf(line).startsWith(`| ${title}`)).reduce((longest, title) => (title.length > longest.length ? title : longest), '')
  const rows = new Map([...old.slice(2), ...fresh.slice(2)].map(line => [titleOf(line), line]))
  return [head, rule, ...titles.flatMap(title => rows.get(title) ?? [])]
}

/** Writes tables into docs/reliability.md. A row or a load replaces the one of the same title; `order` has the headings, with the titles of their rows. */
export const writeMatrix = (measured: string, order: ReadonlyMap<string, readonly string[]>): void =>
  writeBetween('docs/reliability.md', 'matrix', before => {
    const [old, fresh] = [sectionsOf(before), sectionsOf(measured)]
    const sections = [...order].flatMap(([heading, titles]) => {
      const [was = [], is] = [old.get(heading), fresh.get(heading)]
      const lines = is === undefined ? was : titles.length === 0 ? is : mergedLines(was, is, titles)
      return lines.length === 0 ? [] : [[`### ${heading}`, '', ...lines].join('\n')]
    })
    return `\n${sections.join('\n\n')}\n`
  })
