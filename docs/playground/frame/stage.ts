import 'rx-discovery/board'
import type { HeldLever, Line, PageMessage, Pull } from '../messages.js'
import { elapsed, send, sendLine } from './outbox.js'
import { registry } from './registry.js'
import { report } from './report.js'
import { textOf } from './text-of.js'

/** How often the page learns how the registry is, ms. It also shows that the program does not hang. */
const stateEvery = 200

const releases = new Map<HeldLever, () => void>()
const release = (lever: HeldLever): void => {
  releases.get(lever)?.()
  releases.delete(lever)
}
const hold = (lever: HeldLever): void => {
  if (!releases.has(lever)) releases.set(lever, registry[lever]())
}

const sendState = (): void => {
  const entries = registry.entries()
  const leases = registry.leases().map(id => ({ id, holds: entries.filter(({ lease }) => lease === id).map(({ key }) => key.split('/').slice(2).join('/')).join(', ') }))
  send({ type: 'state', at: elapsed(), revision: registry.revision(), leases, held: [...releases.keys()] })
}

const words: Readonly<Record<HeldLever, readonly [on: string, off: string]>> = { freeze: ['freeze', 'thaw'], deny: ['deny', 'allow'], lag: ['lag', 'catch up'] }

/** Carries out a lever, and returns what it did. */
const pulled = (pull: Pull): string => {
  switch (pull.lever) {
    case 'interrupt':
      registry.interrupt(pull.forMs)
      return pull.forMs === 0 ? 'interrupt' : `interrupt ${pull.forMs / 1_000} s`
    case 'compact':
      registry.compact()
      return 'compact'
    case 'expire':
      registry.expire(pull.lease)
      return `expire ${pull.lease}`
    case 'rewind':
      registry.rewind(pull.to)
      return `rewind to ${pull.to}`
    case 'restore':
      for (const lever of [...releases.keys()]) release(lever)
      return 'restore'
    case 'freeze':
    case 'deny':
    case 'lag':
      if (pull.on) hold(pull.lever)
      else release(pull.lever)
      return words[pull.lever][pull.on ? 0 : 1]
  }
}

const follow = ({ source, data }: MessageEvent<PageMessage>): void => {
  if (source !== parent || data.type !== 'pull') return
  const at = elapsed()
  try {
    send({ type: 'pulled', at, text: pulled(data) })
  } catch (error) {
    report(error)
  }
  sendState()
}

/** The methods of the console that print, and how. */
const printing: readonly (readonly [name: 'log' | 'info' | 'debug' | 'warn' | 'error', level: Line['level']])[] = [['log', 'log'], ['info', 'log'], ['debug', 'log'], ['warn', 'warn'], ['error', 'error']]

/** Sends what the program prints to the page as well. */
const followConsole = (): void => {
  for (const [name, level] of printing) {
    const print = console[name].bind(console)
    console[name] = (...values: readonly unknown[]) => {
      sendLine({ level, text: values.map(value => textOf(value)).join(' ') })
      print(...values)
    }
  }
}

/** Shows the board, follows the levers, and sends what the program prints and what it does not catch. */
export const begin = (): void => {
  followConsole()
  addEventListener('message', follow)
  addEventListener('error', ({ error, message }) => report(error ?? message))
  addEventListener('unhandledrejection', ({ reason }) => report(reason))
  const board = document.createElement('rx-discovery-board')
  Object.assign(board, { registry, heading: 'Board' })
  document.querySelector('main')?.append(board)
  setInterval(sendState, stateEvery)
  sendState()
}
