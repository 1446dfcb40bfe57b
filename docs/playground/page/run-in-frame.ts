import type { FrameMessage, Modules, PageMessage, Pull } from '../messages.js'
import { readMessage } from '../read-message.js'

/** A program that runs in a frame of its own. */
export interface FrameRun {
  readonly pull: (pull: Pull) => void
  /** Removes the frame, and with it the program. */
  readonly stop: () => void
}

/** Without `allow-same-origin` the program has no origin: it reaches neither this page nor what is stored for it. */
const sandbox = 'allow-scripts'

const textAt = async (path: string): Promise<string> => {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}; reload the page`)
  return response.text()
}

let loading: Promise<Modules> | undefined
/** The modules of the frame, loaded once. */
export const loadModules = (): Promise<Modules> => {
  loading ??= Promise.all([textAt('rxjs.js'), textAt('rx-discovery.js'), textAt('playground.js')]).then(
    ([rxjs, library, playground]) => ({ rxjs, library, playground }),
  )
  // The next run tries again.
  loading.catch(() => (loading = undefined))
  return loading
}

/** Runs JavaScript in a new frame. `received` gets what the frame sends, as far as it can be read. */
export const runInFrame = (host: HTMLElement, modules: Modules, code: string, received: (message: FrameMessage) => void): FrameRun => {
  const frame = document.createElement('iframe')
  frame.setAttribute('sandbox', sandbox)
  frame.referrerPolicy = 'no-referrer'
  frame.title = 'The board of the registry'
  frame.src = 'frame.html'
  const send = (message: PageMessage): void => frame.contentWindow?.postMessage(message, '*')
  let isStarted = false
  const receive = ({ source, origin, data }: MessageEvent<unknown>): void => {
    if (source === null || source !== frame.contentWindow || origin !== 'null') return
    const message = readMessage(data)
    if (message === undefined) return
    if (message.type === 'ready' && !isStarted) {
      isStarted = true
      send({ type: 'start', modules, code })
    }
    received(message)
  }
  addEventListener('message', receive)
  host.replaceChildren(frame)
  return {
    pull: pull => send({ type: 'pull', ...pull }),
    stop: () => {
      removeEventListener('message', receive)
      frame.remove()
    },
  }
}
