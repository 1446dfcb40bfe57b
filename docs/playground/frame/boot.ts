import type { FrameMessage, PageMessage } from '../messages.js'

// What the page sends is loaded from blobs, so that the frame needs no network at all, and works on every server: a sandboxed frame has no origin, and
// could load modules only where a server allows that.

/** The names that each import of the library has; from `build.mjs`. */
declare const libraryNames: Readonly<Record<string, readonly string[]>>

const send = (message: FrameMessage): void => parent.postMessage(message, '*')
const blob = (text: string): string => URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
const only = (names: readonly string[], url: string): string => blob(`export { ${names.join(', ')} } from '${url}'`)

interface Stage {
  readonly begin: () => void
  readonly report: (error: unknown) => void
}

const start = async ({ modules, code }: Extract<PageMessage, { readonly type: 'start' }>): Promise<void> => {
  const [rxjs, library, playground] = [blob(modules.rxjs), blob(modules.library), blob(modules.playground)]
  const imports = {
    rxjs,
    'rxjs/operators': rxjs,
    'rxjs/testing': rxjs,
    ...Object.fromEntries(Object.entries(libraryNames).map(([name, names]) => [name, only(names, library)])),
    playground: only(['registry', 'show'], playground),
  }
  const map = document.createElement('script')
  map.type = 'importmap'
  map.textContent = JSON.stringify({ imports })
  document.head.append(map)
  const stage = (await import(playground)) as Stage
  stage.begin()
  try {
    await import(blob(`${code}\n//# sourceURL=playground.ts`))
    send({ type: 'loaded', failed: false })
  } catch (error) {
    stage.report(error)
    send({ type: 'loaded', failed: true })
  }
}

const receive = ({ source, data }: MessageEvent<PageMessage>): void => {
  if (source !== parent || data.type !== 'start') return
  removeEventListener('message', receive)
  void start(data)
}
addEventListener('message', receive)
send({ type: 'ready' })
