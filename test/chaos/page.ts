import { readFileSync, writeFileSync } from 'node:fs'

const page = new URL('../../docs/reliability.md', import.meta.url)
const [begin, end] = ['<!-- matrix -->\n', '\n<!-- end of matrix -->']

type Sections = ReadonlyMap<string, readonly string[]>

/** The tables of the page by heading, each a list of lines. */
const sectionsOf = (text: string): Sections => {
  const parts = text.split(/^### /m).slice(1)
  return new Map(parts.map(part => {
    const [heading = '', ...lines] = part.trim().split('\n')
    return [heading, lines.filter(line => line.startsWith('|'))]
  }))
}

const labelOf = (line: string): string => line.split(' | ')[0] ?? ''

/** Lines with the same first cell are replaced, others added, in the order of `titles`, which their first cells begin with. */
const mergedLines = (old: readonly string[], fresh: readonly string[], titles: readonly string[]): readonly string[] => {
  const [head = '', rule = ''] = fresh
  const titleOf = (line: string): string =>
    titles.filter(title => labelOf(line).startsWith(`| ${title}`)).reduce((longest, title) => (title.length > longest.length ? title : longest), '')
  const rows = new Map([...old.slice(2), ...fresh.slice(2)].map(line => [titleOf(line), line]))
  return [head, rule, ...titles.flatMap(title => rows.get(title) ?? [])]
}

/** Writes what was measured into the page: a row in the place of the same one, a table of a load in the place of the same one. */
export const writePage = (measured: string, order: ReadonlyMap<string, readonly string[]>): void => {
  const text = readFileSync(page, 'utf8')
  const [before = '', rest = ''] = text.split(begin)
  const [block = '', after = ''] = rest.split(end)
  const [old, fresh] = [sectionsOf(block), sectionsOf(measured)]
  const sections = [...order].flatMap(([heading, titles]) => {
    const [was = [], is] = [old.get(heading), fresh.get(heading)]
    const lines = is === undefined ? was : titles.length === 0 ? is : mergedLines(was, is, titles)
    return lines.length === 0 ? [] : [[`### ${heading}`, '', ...lines].join('\n')]
  })
  writeFileSync(page, `${before}${begin}\n${sections.join('\n\n')}\n${end}${after}`)
}
