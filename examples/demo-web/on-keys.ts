import { emitKeypressEvents } from 'node:readline'

/** What keys do, by their letters. */
export type Keys = Readonly<Record<string, { readonly what: string; readonly run: () => unknown }>>

/** Where the keys report to. */
interface Terminal {
  /** Ctrl-C. */
  readonly end: () => void
  readonly log: (line: string) => void
}

interface Key {
  readonly name?: string
  readonly ctrl: boolean
}

/** Runs what a key does, one after another. Without a terminal it does nothing, and signals end the demo. */
export const onKeys = (keys: Keys, { end, log }: Terminal): void => {
  const { stdin } = process
  if (!stdin.isTTY) return
  for (const [key, { what }] of Object.entries(keys)) log(`  ${key}       ${what}`)
  log('  Ctrl-C  ends\n')
  let turn: Promise<unknown> = Promise.resolve()
  emitKeypressEvents(stdin)
  // In this mode Ctrl-C is a key, not a signal, which etcd would get as well.
  stdin.setRawMode(true)
  stdin.on('keypress', (_: string, { name = '', ctrl }: Key) => {
    if (ctrl && name === 'c') end()
    else turn = turn.then(() => keys[name]?.run()).catch((error: unknown) => log(String(error)))
  })
}
