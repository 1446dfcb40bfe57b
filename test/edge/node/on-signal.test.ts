import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { firstValueFrom, take, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from 'rx-discovery'
import { onSignal } from 'rx-discovery/node'

describe('onSignal', () => {
  it('has one listener on the process, however many Observables and subscribers there are', () => {
    const before = process.listenerCount('SIGUSR2')
    const first = onSignal('SIGUSR2')
    expect(process.listenerCount('SIGUSR2')).toBe(before)
    const subscriptions = Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? first : onSignal('SIGUSR2', 'SIGUSR2')).subscribe())
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    const [last, ...others] = subscriptions
    for (const subscription of others) subscription.unsubscribe()
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    last?.unsubscribe()
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })

  it('emits the name of each signal, to every subscriber', async () => {
    const all = Array.from({ length: 3 }, () => firstValueFrom(onSignal('SIGUSR2', 'SIGWINCH').pipe(take(2), toArray())))
    process.kill(process.pid, 'SIGUSR2')
    await firstValueFrom(onSignal('SIGUSR2'))
    process.kill(process.pid, 'SIGWINCH')
    expect(await Promise.all(all)).toEqual(Array.from({ length: 3 }, () => ['SIGUSR2', 'SIGWINCH']))
  })

  it('listens to SIGTERM and SIGINT by default', () => {
    const count = (): readonly number[] => ['SIGTERM', 'SIGINT', 'SIGHUP'].map(signal => process.listenerCount(signal))
    const [term = 0, int = 0, hup = 0] = count()
    const subscription = onSignal().subscribe()
    expect(count()).toEqual([term + 1, int + 1, hup])
    subscription.unsubscribe()
    expect(count()).toEqual([term, int, hup])
  })

  it.each([
    ['SIGFOO', 'must be names of signals, got "SIGFOO" (for example "SIGTERM")'],
    ['toString', 'must be names of signals, got "toString" (for example "SIGTERM")'],
    ['SIGKILL', 'must be signals that a process can catch, got "SIGKILL" (for example "SIGTERM")'],
    ['SIGSTOP', 'must be signals that a process can catch, got "SIGSTOP" (for example "SIGTERM")'],
  ])('refuses %s', async (name, message) => {
    await expect(firstValueFrom(onSignal('SIGTERM', name as NodeJS.Signals))).rejects.toThrow(new InvalidArgument('signals', message))
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('ends fifty registrations of a process by one %s, without a warning', async signal => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'test/edge/node/on-signal.program.ts'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exit = new Promise(resolve => child.on('close', (code, by) => resolve(by ?? code)))
    const lines: string[] = []
    for await (const line of createInterface(child.stdout)) {
      lines.push(line)
      if (lines.length === 1) child.kill(signal)
    }
    expect(lines).toEqual(['registered, listeners: 1 1', `50 revoked by ${signal}, keys: 0, listeners: 0 0`])
    expect(await exit).toBe(0)
  })
})
