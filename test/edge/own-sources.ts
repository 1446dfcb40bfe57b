import { resolve } from 'node:path'
import type { Plugin } from 'esbuild'

/** The names of this package lead to its sources. */
export const ownSources: Plugin = {
  name: 'own sources',
  setup: bundler => {
    bundler.onResolve({ filter: /^rx-discovery$/ }, () => ({ path: resolve('src/index.ts') }))
    bundler.onResolve({ filter: /^rx-discovery\// }, ({ path }) => ({ path: resolve(path.replace('rx-discovery', 'src/edge'), 'index.ts') }))
    bundler.onResolve({ filter: /^#internal\// }, ({ path }) => ({ path: resolve(`${path.replace('#internal', 'src')}.ts`) }))
  },
}
