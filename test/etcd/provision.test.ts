import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { findEtcd, freePort } from './provision-binary.js'
import { provideEtcd, type Provided } from './provision.js'

// Whether an engine runs here must not change what these tests see. With one, `ETCD_PROVIDER=docker npm test` is the test.
vi.mock('testcontainers', () => ({
  GenericContainer: undefined,
  Wait: undefined,
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
  /** The same PATH without any etcd or package manager. */
  const hide = (): string => {
    const etcd = findEtcd()
    if (etcd === undefined) throw new Error('this test needs an etcd to hide')
    vi.stubEnv('PATH', dir)
    return etcd
  }

  it('takes the one that ETCD_ENDPOINTS names, and leaves it running', async () => {
    const endpoints = inject('etcdEndpoints')
    vi.stubEnv('ETCD_ENDPOINTS', endpoints.join().replaceAll('http://', ''))
    const provided = await provide()
    expect(provided.endpoints).toEqual(endpoints)
    await provided.stop()
    expect(await Promise.all(endpoints.map(healthy))).not.toContain(false)
  })

  it('fails when nobody answers at ETCD_ENDPOINTS, whatever else there is', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`
    vi.stubEnv('ETCD_ENDPOINTS', nobody)
    await expect(provide()).rejects.toThrow(`no healthy etcd answers at ${nobody}, which ETCD_ENDPOINTS names`)
  })

  it('spawns the etcd on the PATH, restarts and ends it', async () => {
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
  ])('installs the package by $manager, and spawns what it brought', async ({ user, manager }) => {
    const etcd = hide()
    vi.spyOn(process, 'getuid').mockReturnValue(user)
    for (const name of ['apt-get', 'brew'])
      script(name, `if [ "$1" = install ]; then /bin/ln -s ${etcd} ${join(dir, 'etcd')}; fi`)
    const { endpoints, stop } = await provide()
    expect(await healthy(endpoints[0] ?? '')).toBe(true)
    expect(log[0]).toBe(`etcd: installing it by ${manager}`)
    await stop()
  })

  it('has the package lists updated when the package is not found at first', async () => {
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

  it('says what to do where there is nothing, and what went wrong on the way', async () => {
    hide()
    await expect(provide()).rejects.toThrow(/^no etcd: put `etcd` on the PATH, start Docker, or set ETCD_ENDPOINTS=\S+ to one that runs$/)
    script('etcd', 'echo out of order; exit 3')
    await expect(provide()).rejects.toThrow(/\(path: etcd ended before it was healthy; it said: out of order\s*\)$/)
  })

  it.each(['endpoints', 'path', 'docker', 'package'])('tries nothing but ETCD_PROVIDER=%s, whatever else there is', async only => {
    const etcd = hide()
    if (only !== 'path') symlinkSync(etcd, join(dir, 'etcd'))
    if (only !== 'endpoints') vi.stubEnv('ETCD_ENDPOINTS', inject('etcdEndpoints').join())
    vi.stubEnv('ETCD_PROVIDER', only)
    await expect(provide()).rejects.toThrow(`no etcd by ETCD_PROVIDER=${only}`)
    expect(log).toEqual([])
  })

  it('refuses a way that does not exist', async () => {
    vi.stubEnv('ETCD_PROVIDER', 'podman')
    await expect(provide()).rejects.toThrow('ETCD_PROVIDER is podman; it may be endpoints, path, docker, package')
  })
})
