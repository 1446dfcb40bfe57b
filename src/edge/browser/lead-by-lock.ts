/**
 * Leads while this tab has a lock, for which it waits until `signal` is aborted. `leads` begins that, and returns what ends it if another tab takes the lock
 * away; then this tab waits again. Where locks are refused, such as in a sandboxed frame, each tab leads. Returns what takes the lock away from the tab that
 * has it.
 */
export const leadByLock = (locks: LockManager, name: string, signal: AbortSignal, leads: () => () => void): (() => void) => {
  const request = (options: LockOptions, lost: () => void): void => {
    let end: (() => void) | undefined
    const held = (): Promise<void> => {
      if (signal.aborted) return Promise.resolve()
      end = leads()
      return new Promise(resolve => signal.addEventListener('abort', () => resolve()))
    }
    locks.request(name, options, held).catch(() => {
      if (signal.aborted) return
      if (end === undefined) {
        leads()
        return
      }
      end()
      lost()
    })
  }
  const wait = (): void => request({ signal }, wait)
  wait()
  return () => request({ steal: true }, () => undefined)
}
