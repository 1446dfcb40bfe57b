// Types on hover in the blocks of TypeScript on the pages. A language service reads the files that a test compiles, so the pages need no marks; `theme/hovers.js` shows what it says.
import { join } from 'node:path'
import ts from 'typescript'
import { writeBlocks } from './blocks.ts'

const folder = join(import.meta.dirname, 'cache/blocks')
const longestType = 500

/** Without what a reader of the block sees anyway. */
const typeText = parts => {
  const text = ts.displayPartsToString(parts).replace(/^\(alias\) |^namespace .*\n(?=var )|\nimport .*$/g, '')
  return text.length > longestType ? `${text.slice(0, longestType - 1)}…` : text
}
/** The first paragraph of a doc comment, without marks that the popup would show as they are. */
const docText = parts =>
  ts
    .displayPartsToString(parts)
    .split(/\n\s*\n/, 1)[0]
    .replace(/\{@link (?:[^}|]*\| *)?([^}]*)\}|\[([^\]]*)\]\([^)]*\)|\*\*/g, (_, link = '', text = '') => link + text)
    .replace(/\s+/g, ' ')

const namesIn = node => {
  const names = ts.isIdentifier(node) || ts.isPrivateIdentifier(node) ? [node] : []
  ts.forEachChild(node, child => void names.push(...namesIn(child)))
  return names
}

/** Makes a function that finds the names of a block by its code, each with what its popup shows: `[type, doc comment]`; `undefined` if no page has this block. */
const hoverFinder = () => {
  let blocks = []
  let files = []
  let options = {}
  let version = 0
  const readPages = () => {
    version += 1
    blocks = writeBlocks(folder)
    const fail = ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, '\n'))
    }
    ;({ fileNames: files, options } = ts.getParsedCommandLineOfConfigFile(join(folder, 'tsconfig.json'), undefined, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail }))
  }
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => files,
    getScriptVersion: file => (file.startsWith(folder) ? `${version}` : ''),
    getScriptSnapshot: file => {
      const text = ts.sys.readFile(file)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getProjectVersion: () => `${version}`,
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    readFile: ts.sys.readFile,
    fileExists: ts.sys.fileExists,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    realpath: ts.sys.realpath,
  })
  const hoversOf = ({ page, file, code, start }) => {
    const source = service.getProgram().getSourceFile(file)
    return namesIn(source)
      .map(name => ({ name, from: name.getStart(source) - start }))
      .filter(({ name, from }) => from >= 0 && name.end <= start + code.length)
      .map(({ name, from }) => {
        const info = service.getQuickInfoAtPosition(file, name.getStart(source))
        if (info === undefined) throw new Error(`${page}: no type for "${name.text}" in the block that begins with ${JSON.stringify(code.split('\n', 1)[0])} (does npm run test:site compile it?)`)
        return { start: from, end: name.end - start, text: JSON.stringify([typeText(info.displayParts), docText(info.documentation)]) }
      })
  }
  const found = new Map()
  return code => {
    if (found.has(code)) return found.get(code)
    const isThis = block => block.code.trimEnd() === code
    // `npm run docs:dev` comes again with what was changed.
    if (!blocks.some(isThis)) readPages()
    const block = blocks.find(isThis)
    const hovers = block && hoversOf(block)
    found.set(code, hovers)
    return hovers
  }
}

/** The options of VitePress for Markdown that add types to the blocks, but not if `env.isPlain`. A block without them fails the build, except in the pages that are generated from doc comments or show a file. */
export const hovers = () => {
  const find = hoverFinder()
  let page = ''
  return {
    config: md => {
      const { fence } = md.renderer.rules
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        page = env.relativePath
        return fence(tokens, index, env.isPlain ? { ...options, highlight: null } : options, env, self)
      }
    },
    codeTransformers: [
      {
        name: 'hovers',
        preprocess(code, options) {
          if (!/^(?:[cm]?[jt]sx?|typescript|javascript)$/.test(options.lang) || /^(?:reference|source)\//.test(page)) return
          const names = find(code)
          if (names === undefined) throw new Error(`${page}: a block must be found by docs/.vitepress/blocks.ts to get types on hover, got one that begins with ${JSON.stringify(code.split('\n', 1)[0])} (it must be a plain \`\`\`ts or \`\`\`js)`)
          const texts = [...new Set(names.map(({ text }) => text))]
          options.decorations = names.map(({ start, end, text }) => ({ start, end, properties: { 'data-hover': texts.indexOf(text) } }))
          this.meta.hovers = `[${texts.join()}]`
        },
        pre(node) {
          if (this.meta.hovers !== undefined) node.properties['data-hovers'] = this.meta.hovers
        },
      },
    ],
  }
}
