import type {} from 'vitest'
import type { TestProject } from 'vitest/node'
import { provideEtcd } from './provision.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The etcd that all tests share: `inject('etcdEndpoints')`. Each test uses a prefix of its own. */
    readonly etcdEndpoints: string[]
    /** The reason if there is no etcd, otherwise an empty string. */
    readonly etcdTrouble: string
  }
}

/** Provides the etcd that all tests share, and stops it at the end. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  project.provide('etcdTrouble', '')
  const nothing = { endpoints: [], binary: undefined, stop: () => Promise.resolve() }
  // An error here would stop the other projects too. Instead, `setup-file.ts` throws it in every file that needs etcd.
  const { endpoints, binary, stop } = await provideEtcd({ log: line => project.vitest.logger.log(line) }).catch((error: unknown) => {
    const trouble = error instanceof Error ? error.message : String(error)
    project.vitest.logger.error(trouble)
    project.provide('etcdTrouble', trouble)
    return nothing
  })
  project.provide('etcdEndpoints', [...endpoints])
  if (binary !== undefined) process.env['ETCD_BIN'] ??= binary
  return stop
}
