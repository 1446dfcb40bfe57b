import type { FrameMessage, RegistryState } from '../messages.js'
import { editorIn } from './editor.js'
import { examples, type Example } from './examples.js'
import { leversIn } from './levers.js'
import { marbleRows } from './marble-rows.js'
import { outputIn } from './output.js'
import { loadModules, runInFrame, type FrameRun } from './run-in-frame.js'
import { codeOf, fragmentOf } from './share-link.js'
import { stripped } from './stripped.js'

/** After which silence a program counts as hanging, ms. */
const patience = 4_000

const element = <T extends HTMLElement>(id: string, type: new () => T): T => {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`there is no #${id}`)
  return found
}
const [menu, runButton, stopButton, shareButton] = [element('examples', HTMLSelectElement), element('run', HTMLButtonElement), element('stop', HTMLButtonElement), element('share', HTMLButtonElement)]
const [statusLine, notice, board] = [element('status', HTMLElement), element('notice', HTMLElement), element('board', HTMLElement)]

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))

let run: FrameRun | undefined
/** Counts runs, so that one that was stopped while it loaded does not begin. */
let attempt = 0
let heardAt = 0
let state: RegistryState | undefined

const output = outputIn(element('log', HTMLElement))
const rows = marbleRows(element('rows', HTMLElement))
const levers = leversIn(element('levers', HTMLElement), pull => run?.pull(pull))

const say = (text: string, isBad = false): void => {
  statusLine.textContent = text
  statusLine.classList.toggle('bad', isBad)
}
const warn = (text: string): void => {
  notice.textContent = text
  notice.hidden = text === ''
}

const placeholder = (): void => {
  const text = document.createElement('p')
  text.className = 'empty'
  text.textContent = 'The board of the registry appears here when a program runs.'
  board.replaceChildren(text)
}

const stop = (): void => {
  attempt += 1
  if (run === undefined) return
  run.stop()
  run = undefined
  state = undefined
  rows.end()
  levers.show(undefined)
  stopButton.disabled = true
  placeholder()
  say('Stopped.')
}

const failed = (text: string): void => {
  output.print([{ level: 'error', text }])
  say('The program failed: see the output.', true)
}

const received = (message: FrameMessage): void => {
  heardAt = performance.now()
  switch (message.type) {
    case 'row':
      rows.row(message.row, message.name)
      break
    case 'marbles':
      rows.marbles(message.marbles, message.skipped)
      break
    case 'pulled':
      rows.pulled(message.at, message.text)
      break
    case 'lines':
      output.print(message.lines, message.skipped)
      if (message.lines.some(({ level }) => level === 'error')) say('An error was printed: see the output.', true)
      break
    case 'state':
      rows.time(message.at)
      if (JSON.stringify({ ...state, at: 0 }) !== JSON.stringify({ ...message, at: 0 })) levers.show(message)
      state = message
      break
    case 'loaded':
      say(message.failed ? 'The program failed: see the output.' : 'Running.', message.failed)
      break
    case 'ready':
  }
}

const start = async (): Promise<void> => {
  stop()
  warn('')
  output.clear()
  const mine = (attempt += 1)
  say('Loading …')
  try {
    const code = stripped(editor.code())
    const modules = await loadModules()
    if (mine !== attempt) return
    heardAt = performance.now()
    rows.begin()
    run = runInFrame(board, modules, code, received)
    stopButton.disabled = false
  } catch (thrown) {
    failed(messageOf(thrown))
  }
}

const editor = editorIn(element('editor', HTMLElement), {
  run: () => void start(),
  changed: () => {
    const example = examples.find(({ name }) => name === menu.value)
    if (example !== undefined && example.code !== editor.code()) menu.value = ''
  },
})

const open = (example: Example): void => {
  history.replaceState(null, '', location.pathname)
  editor.load(example.code)
  menu.value = example.name
  void start()
}

/** Fills the editor from the link, or with the first example. Code of a link runs only after a click. */
const openLink = async (): Promise<void> => {
  const [first] = examples
  try {
    const code = await codeOf(location.hash)
    if (code === undefined) {
      if (first !== undefined) open(first)
      return
    }
    stop()
    editor.load(code)
    menu.value = ''
    warn('This program came with the link. Read it, then press Run.')
    say('Not running.')
  } catch (thrown) {
    warn(messageOf(thrown))
  }
}

const share = async (): Promise<void> => {
  const fragment = await fragmentOf(editor.code())
  history.replaceState(null, '', fragment)
  try {
    await navigator.clipboard.writeText(location.href)
    say('The link is copied.')
  } catch {
    say('The link is in the address bar.')
  }
}

const option = (value: string, text: string): HTMLOptionElement => new Option(text, value)
const own = option('', 'your own')
own.disabled = true
menu.append(own, ...examples.map(({ name, title }) => option(name, title)))
menu.addEventListener('change', () => {
  const example = examples.find(({ name }) => name === menu.value)
  if (example !== undefined) open(example)
})
runButton.addEventListener('click', () => void start())
stopButton.addEventListener('click', stop)
shareButton.addEventListener('click', () => void share())
addEventListener('hashchange', () => void openLink())
addEventListener('keydown', event => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return
  event.preventDefault()
  void start()
})
setInterval(() => {
  if (run !== undefined && !document.hidden && performance.now() - heardAt > patience) say('The program does not answer. Does it loop for ever? Stop ends it.', true)
}, 1_000)
placeholder()
void openLink()
