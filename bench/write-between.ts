import { readFileSync, writeFileSync } from 'node:fs'

/** Replaces the part of a page between the marks `<!-- name -->` and `<!-- /name -->` by `text`, which may depend on what was there before. */
export const writeBetween = (page: string, name: string, text: string | ((before: string) => string)): void => {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`]
  const written = readFileSync(page, 'utf8')
  const [from, to] = [written.indexOf(begin), written.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} must contain the marks ${begin.trim()} and ${end.trim()} on lines of their own, in this order`)
  const replacement = typeof text === 'string' ? text : text(written.slice(from + begin.length, to))
  writeFileSync(page, `${written.slice(0, from + begin.length)}${replacement}${written.slice(to)}`)
}
