// Gathers the pages of the site in `content`. The pages in `docs` are also read in the repository and in the package, so they link files by their paths; here the links lead to
// pages of the site. A link to another file of the repository leads to a page that shows the file.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { content, root } from './paths.mjs'

const markdownIn = folder => readdirSync(join(root, folder)).filter(file => file.endsWith('.md')).map(file => join(folder, file))
/** The pages of the repository, and where each lies in the site. */
const pages = () =>
  new Map([
    ['README.md', 'overview.md'],
    ['CHANGELOG.md', 'changelog.md'],
    ['CONTRIBUTING.md', 'contributing.md'],
    ['SECURITY.md', 'security.md'],
    ...markdownIn('docs').map(file => [file, relative('docs', file)]),
  ])

const write = (file, text) => {
  const path = join(content, file)
  // An unchanged file is left alone, so that the server of `npm run docs:dev` reloads only what has changed.
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
const copy = (from, to) => {
  mkdirSync(dirname(join(content, to)), { recursive: true })
  copyFileSync(join(root, from), join(content, to))
}

const shown = { '.css': 'css', '.html': 'html', '.json': 'json', '.jsonl': 'json', '.mjs': 'js', '.ts': 'ts', '.yaml': 'yaml', '.yml': 'yaml' }
const isShown = file => extname(file) in shown
const sourcePage = path => join('source', `${path.replace(/(^|\/)\./g, '$1').replace(/\.(?=\w+$)/, '-') || 'index'}.md`)

/** Writes the page that shows a file or a folder, and those of its folders. */
const writeSource = path => {
  const isFolder = statSync(join(root, path)).isDirectory()
  const entries = isFolder ? readdirSync(join(root, path), { withFileTypes: true }) : []
  const folders = entries.filter(entry => entry.isDirectory() && entry.name !== 'node_modules').map(({ name }) => join(path, name))
  const files = isFolder ? entries.filter(entry => entry.isFile() && isShown(entry.name)).map(({ name }) => join(path, name)) : [path]
  const links = folders.map(folder => `- [${relative(path, folder)}](/${sourcePage(folder)})\n`)
  const code = files.map(file => `${isFolder ? `## ${relative(path, file)}\n\n` : ''}~~~~${shown[extname(file)] ?? 'text'}\n${readFileSync(join(root, file), 'utf8').trimEnd()}\n~~~~\n`)
  write(sourcePage(path), `---\nsearch: false\n---\n\n# ${path}\n\n${links.join('')}\n${code.join('\n')}`)
  folders.forEach(writeSource)
}

/** Changes the parts of a page that are not code. */
const outsideCode = (text, change) => text.split(/(^ *```[^]*?^ *```$|`[^`\n]*`)/m).map((part, index) => (index % 2 === 1 ? part : change(part))).join('')

const linked = (text, page, all, sources) =>
  outsideCode(text, part =>
    part.replace(/\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)/g, (_, target, anchor = '') => {
      const path = join(dirname(page), target).replace(/\/$/, '')
      const to = all.get(path)
      if (to !== undefined) return `](/${to}${anchor})`
      if (/\.(png|svg)$/.test(path)) {
        copy(path, relative('docs', path))
        return `](./${relative('docs', path)})`
      }
      if (path === 'docs/grafana.json') {
        copy(path, 'public/grafana.json')
        return '](/grafana.json)'
      }
      sources.add(path)
      return `](/${sourcePage(path)})`
    }),
  )

/** Writes all pages but those of the reference, which TypeDoc generates. */
export const stage = () => {
  const [all, sources] = [pages(), new Set()]
  for (const [page, to] of all) write(to, linked(readFileSync(join(root, page), 'utf8'), page, all, sources))
  for (const path of sources) writeSource(path)
  copy('docs/.vitepress/logo.svg', 'public/logo.svg')
  write('index.md', readFileSync(join(import.meta.dirname, 'home.md'), 'utf8').replace('<!-- quick-start -->', () => readFileSync(join(root, 'examples/quick-start.ts'), 'utf8').trimEnd()))
}
