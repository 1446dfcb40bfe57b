interface Host {
  readonly process?: { readonly emitWarning?: (warning: string, options: { readonly type: string; readonly code: string }) => void }
  readonly console?: { readonly warn: (message: string) => void }
}

/**
 * Reports a mistake that has no Observable to error on. Node prints it once with its code, shows with `--trace-warnings` where it comes from, and passes
 * it to `process.on('warning')`; elsewhere it goes to the console.
 */
export const warn = (code: string, message: string): void => {
  const { process, console } = globalThis as Host
  if (process?.emitWarning !== undefined) process.emitWarning(message, { type: 'RxDiscoveryWarning', code })
  else console?.warn(`${code}: ${message}`)
}
