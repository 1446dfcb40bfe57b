const factories = new WeakSet()

/** Marks a function that returns a check for `probe`, so that `probe(httpProbe)` instead of `probe(httpProbe())` is recognized. Returns the function. */
export const probeFactory = <F extends object>(factory: F): F => {
  factories.add(factory)
  return factory
}

/** Whether a function returns a check, instead of being one. */
export const isProbeFactory = (value: object): boolean => factories.has(value)
