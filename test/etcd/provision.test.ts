import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { findEtcd, freePort } from './provision-binary.js'
import { provideEtcd, type Provided } from './provision.js'

// A Docker engine on this machine must not change the results. `ETCD_PROVIDER=docker npm test` tests that source.
vi.mock('testcontainers', () => ({
  getContainerRuntimeClient: () => Promise.reject(new Error('no engine')),
}))

const healthy = (endpoint: string): Promise<boolean> => fetch(`${endpoint}/health`).then(({ ok }) => ok, () => false)

describe('provideEtcd', () => {
  let dir: string
  let log: string[]
  const provide = (): Promise<Provided> => provideEtcd({ log: line => log.push(line) })

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'provision-'))
    log = []
    for (const name of ['ETCD_ENDPOINTS', 'ETCD_PROVIDER', 'ETCD_BIN']) vi.stubEnv(name, undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(dir, { recursive: true })
  })

  /** Puts a script on the PATH, under `name`. */
  const script = (name: string, ...lines: readonly string[]): void => {
    const file = join(dir, name)
    writeFileSync(file, ['#!/bin/sh', ...lines, ''].join('\n'))
    chmodSync(file, 0o755)
  }
  /** Replaces the PATH by one without etcd and package managers; returns the path of the hidden etcd. */
  const hide = (): string => {
    const etcd = findEtcd()
    if (etcd === undefined) throw new Error('there must be an etcd on the PATH that the test can hide')
    vi.stubEnv('PATH', dir)
    return etcd
  }

  it('uses the etcd that ETCD_ENDPOINTS names, and leaves it running', async () => {
    const endpoints = inject('etcdEndpoints')
    vi.stubEnv('ETCD_ENDPOINTS', endpoints.join().replaceAll('http://', ''))
    const provided = await provide()
    expect(provided.endpoints).toEqual(endpoints)
    await provided.stop()
    expect(await Promise.all(endpoints.map(healthy))).not.toContain(false)
  })

  it('fails when no etcd answers at ETCD_ENDPOINTS, even if there is one on the PATH', async () => {
    const unused = `http://127.0.0.1:${await freePort()}`
    vi.stubEnv('ETCD_ENDPOINTS', unused)
    await expect(provide()).rejects.toThrow(`no healthy etcd answers at ${unused}, which ETCD_ENDPOINTS names`)
  })

  it('spawns the etcd on the PATH, restarts it and ends it', async () => {
    const { endpoints, how, restart, stop } = await provide()
    const [endpoint = ''] = endpoints
    expect(await healthy(endpoint)).toBe(true)
    expect(how).toBe(`${findEtcd() ?? ''} at ${endpoint}`)
    expect(log).toEqual([`etcd: ${how}`])
    await restart?.()
    expect(await healthy(endpoint)).toBe(true)
    await stop()
    expect(await healthy(endpoint)).toBe(false)
  })

  it.each([
    { user: 0, manager: 'apt-get' },
    { user: 1000, manager: 'brew' },
  ])('installs the package with $manager, and spawns its etcd', async ({ user, manager }) => {
    const etcd = hide()
    vi.spyOn(process, 'getuid').mockReturnValue(user)
    for (const name of ['apt-get', 'brew'])
      script(name, `if [ "$1" = install ]; then /bin/ln -s ${etcd} ${join(dir, 'etcd')}; fi`)
    const { endpoints, stop } = await provide()
    expect(await healthy(endpoints[0] ?? '')).toBe(true)
    expect(log[0]).toBe(`etcd: installing it with ${manager}`)
    await stop()
  })

  it('updates the package lists if the package is not found at first', async () => {
    const etcd = hide()
    vi.spyOn(process, 'getuid').mockReturnValue(0)
    const lists = join(dir, 'lists')
    script(
      'apt-get',
      `if [ "$1" = update ]; then : > ${lists}; fi`,
      `if [ "$1" = install ]; then [ -e ${lists} ] || exit 100; /bin/ln -s ${etcd} ${join(dir, 'etcd')}; fi`,
    )
    const { stop } = await provide()
    expect(existsSync(lists)).toBe(true)
    await stop()
  })

  it('fails with a hint if there is no source, and with the errors of the sources that it tried', async () => {
    hide()
    await expect(provide()).rejects.toThrow(/^no etcd: put `etcd` on the PATH, start Docker, or set ETCD_ENDPOINTS to a running one, such as \S+$/)
    script('etcd', 'echo out of order; exit 3')
    await expect(provide()).rejects.toThrow(/\(path: etcd ended before it was healthy; its output: out of order\s*\)$/)
  })

  it.each(['endpoints', 'path', 'docker', 'package'])('tries only ETCD_PROVIDER=%s, even if there are other sources', async only => {
    const etcd = hide()
    if (only !== 'path') symlinkSync(etcd, join(dir, 'etcd'))
    if (only !== 'endpoints') vi.stubEnv('ETCD_ENDPOINTS', inject('etcdEndpoints').join())
    vi.stubEnv('ETCD_PROVIDER', only)
    await expect(provide()).rejects.toThrow(`no etcd with ETCD_PROVIDER=${only}`)
    expect(log).toEqual([])
  })

  it('refuses an unknown provider', async () => {
    vi.stubEnv('ETCD_PROVIDER', 'podman')
    await expect(provide()).rejects.toThrow('ETCD_PROVIDER must be one of endpoints, path, docker, package, got "podman"')
  })
})
