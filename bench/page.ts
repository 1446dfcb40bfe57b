import { readFileSync, writeFileSync } from 'node:fs'

/** Puts `text` into a page between the marks of `name`, `<!-- name -->` and `<!-- /name -->`. */
export const writeBetween = (page: string, name: string, text: string): void => {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const written = readFileSync(page, 'utf8')
  const [from, to] = [written.indexOf(begin), written.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} has no ${begin} … ${end}`)
  writeFileSync(page, `${written.slice(0, from)}${begin}\n${text}\n${written.slice(to)}`)
}
