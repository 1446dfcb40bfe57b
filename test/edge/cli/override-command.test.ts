import { describe, expect, it, vi } from 'vitest'
import { plain, register, type Format, type Registration, type RegisterOptions } from 'rx-discovery'
import { leftOverOverrides } from '../../../src/edge/cli/left-over-overrides.js'
import { program } from './program.js'

type Program = ReturnType<typeof program>

/** Registers `web/<id>` in the registry of a program, as another process would. */
const registered = async ({ registry }: Program, id: string, options: RegisterOptions = {}): Promise<readonly Registration[]> => {
  const states: Registration[] = []
  const own = { version: '1.2', zone: 'a', tags: ['blue'], metadata: { rack: 'r1' } }
  const instance = options.format === undefined ? { service: 'web', id, address: `${id}:80`, ...own } : { service: 'web', id, address: `${id}:80` }
  register(registry, instance, options).subscribe({ next: state => states.push(state), error: () => undefined })
  await vi.waitUntil(() => states.at(-1)?.status === 'registered', { timeout: 20_000 })
  return states
}

/** Runs one command on what another program has written. The registry stays open, as etcd does. */
const started = () => {
  const it = program()
  const once = program({}, { registryOf: () => ({ ...it.registry, close: () => Promise.resolve() }) })
  const run = async (...argv: readonly string[]) => {
    Object.assign(once.printed, { out: '', err: '' })
    return { code: await once.run(...argv), out: once.printed.out, err: once.printed.err }
  }
  const stored = (key: string): unknown => it.registry.entries().find(entry => entry.key === key)?.value
  return { registry: it.registry, program: it, run, stored }
}
const override = '/rx-discovery-overrides/web/node1'

it('a command that is printed to be pasted quotes the name', () => {
  expect(leftOverOverrides(new Set(), new Map([["a b/$(id)'", 'down']]))).toEqual([`a b/$(id)' is not registered, and overridden as down (rx-discovery undrain 'a b/$(id)'\\''' deletes the override)`])
})

describe('drain and undrain', () => {
  it('override the status, keep all other fields, hold while the process restarts, and give the instance back', async () => {
    const it = started()
    await registered(it.program, 'node1')
    await registered(it.program, 'node2')
    const before = JSON.parse(String(it.stored('/rx-discovery/web/node1'))) as object
    expect(await it.run('drain', 'web/node1')).toEqual({ code: 0, out: '~ web/node1 is draining; 1 other instance of web is up\n', err: '' })
    expect(it.registry.entries().find(({ key }) => key === override)).toMatchObject({ value: 'draining', lease: '0' })
    expect(JSON.parse(String(it.stored('/rx-discovery/web/node1')))).toEqual({ ...before, status: 'draining' })
    expect(await it.run('drain', 'web/node1')).toEqual({ code: 0, out: 'web/node1 was overridden as draining already; 1 other instance of web is up\n', err: '' })
    expect(await it.run('undrain', 'web/node1')).toEqual({ code: 0, out: '~ web/node1 is given back; it is up\n', err: '' })
    expect(it.stored(override)).toBeUndefined()
    expect(JSON.parse(String(it.stored('/rx-discovery/web/node1')))).toEqual(before)
    expect(await it.run('undrain', 'web/node1')).toEqual({ code: 0, out: 'web/node1 was not drained; it is up\n', err: '' })
  })

  it('--status down overrides as down, also an override that is draining', async () => {
    const it = started()
    await registered(it.program, 'node1')
    await registered(it.program, 'node2')
    await it.run('drain', 'web/node1')
    expect(await it.run('drain', 'web/node1', '--status', 'down')).toEqual({ code: 0, out: '~ web/node1 is down; 1 other instance of web is up\n', err: '' })
    expect(it.stored(override)).toBe('down')
    expect(await it.run('undrain', 'web/node1')).toMatchObject({ code: 0, out: '~ web/node1 is given back; it is up\n' })
  })

  it('do not drain the last instance that is up, unless --last is given', async () => {
    const it = started()
    await registered(it.program, 'node1')
    expect(await it.run('drain', 'web/node1')).toEqual({ code: 1, out: '', err: 'error: web/node1 is the last instance of web that is up (add --last to do it all the same)\n' })
    expect(it.stored(override)).toBeUndefined()
    expect(await it.run('drain', 'web/node1', '--last')).toEqual({ code: 0, out: '~ web/node1 is draining; no other instance of web is up\n', err: '' })
  })

  it('name the instances that are there, if this one is not', async () => {
    const it = started()
    for (const id of ['node1', 'node2', 'node3', 'node4', 'node5', 'node6']) it.registry.write(`/rx-discovery/web/${id}`, '{"address":"h:1"}')
    const check = '(check the name; rx-discovery list prints all of them)'
    expect(await it.run('drain', 'web/nod1')).toEqual({ code: 1, out: '', err: `error: web/nod1 is not registered; web has node1, node2, node3, node4, node5 and 1 more ${check}\n` })
    expect(await it.run('drain', 'wbe/node1')).toEqual({ code: 1, out: '', err: `error: wbe/node1 is not registered; wbe has no instances ${check}\n` })
    expect(await it.run('undrain', 'web/nod1')).toEqual({ code: 1, out: '', err: `error: web/nod1 is not registered, and was not drained ${check}\n` })
  })

  it('give back an instance whose process is away', async () => {
    const it = started()
    it.registry.write(override, 'draining')
    expect(await it.run('drain', 'web/node1', '--wait', '0.05')).toEqual({ code: 0, out: 'web/node1 was overridden as draining already; it is not registered at the moment\n', err: '' })
    expect(await it.run('undrain', 'web/node1', '--wait', '0.05')).toEqual({ code: 0, out: '~ web/node1 is given back; it is not registered at the moment\n', err: '' })
    expect(it.stored(override)).toBeUndefined()
  })

  it('report an instance that does not obey, because something else has written it', async () => {
    const it = started()
    for (const id of ['node1', 'node2']) it.registry.write(`/rx-discovery/web/${id}`, '{"address":"h:1"}')
    const { code, out, err } = await it.run('drain', 'web/node1', '--wait', '0.05')
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toBe(
      `error: web/node1 is still up 0.05 s after its override was written to ${override}. Its registration does not follow overrides: another program wrote it, it has override: false, or its user may not read /rx-discovery-overrides/ (the override stays; rx-discovery undrain web/node1 deletes it)\n`,
    )
    expect(it.stored(override)).toBe('draining')
  })

  it('take an instance out of a format that stores only instances which are up, and bring it back', async () => {
    const it = started()
    const format = plain() as unknown as Format
    await registered(it.program, 'node1', { format })
    await registered(it.program, 'node2', { format })
    expect(await it.run('drain', 'web/node1', '--format', 'plain')).toEqual({ code: 0, out: '~ web/node1 is draining and has no entry any more; 1 other instance of web is up\n', err: '' })
    expect(it.stored('/web/node1')).toBeUndefined()
    expect(await it.run('undrain', 'web/node1', '--format', 'plain')).toEqual({ code: 0, out: '~ web/node1 is given back; it is up\n', err: '' })
    expect(it.stored('/web/node1')).toBe('node1:80')
  })

  it('are shown by list, also those of instances that are away or do not obey', async () => {
    const it = started()
    await registered(it.program, 'node1')
    await registered(it.program, 'node2')
    it.registry.write('/rx-discovery/web/script', '{"address":"h:1"}')
    await it.run('drain', 'web/node1')
    for (const id of ['script', 'away']) it.registry.write(`/rx-discovery-overrides/web/${id}`, 'down')
    it.registry.write('/rx-discovery-overrides/orders/a', 'down')
    const { out } = await it.run('list', 'web')
    expect(out.split('\n').map(line => line.trimEnd())).toEqual([
      'SERVICE  ID      ADDRESS   STATUS    WEIGHT  VERSION  ZONE',
      'web      node1   node1:80  draining  1       1.2      a     overridden',
      'web      node2   node2:80  up        1       1.2      a',
      'web      script  h:1       up        1       -        -     no lease, overridden as down, not followed',
      'web/away is not registered, and overridden as down (rx-discovery undrain web/away deletes the override)',
      '',
    ])
    expect(JSON.parse((await it.run('list', 'web', '--json')).out)).toMatchObject({
      overrides: [
        { service: 'web', id: 'away', status: 'down' },
        { service: 'web', id: 'node1', status: 'draining', key: override },
        { service: 'web', id: 'script', status: 'down' },
      ],
    })
  })

  it('are shown by watch as they come and go', async () => {
    const it = program()
    it.registry.write(override, 'draining')
    it.registry.write('/rx-discovery-overrides/orders/a', 'draining')
    const done = it.run('watch', 'web')
    await it.until('web/node1 is overridden by an operator as draining')
    it.registry.write(override, 'down')
    await it.until('web/node1 is overridden by an operator as down')
    it.registry.write(override, null)
    await it.until('web/node1 is given back by an operator')
    it.signals.next('SIGINT')
    expect(await done).toBe(0)
    expect(it.printed.out).not.toContain('orders')
  })

  it('print one JSON object', async () => {
    const it = started()
    await registered(it.program, 'node1')
    const asked = async (...argv: readonly string[]): Promise<unknown> => JSON.parse((await it.run(...argv, '--json')).out)
    const time = expect.stringMatching(/Z$/) as unknown
    const common = { time, service: 'web', id: 'node1', key: override }
    expect(await asked('drain', 'web/node1', '--last')).toEqual({ ...common, type: 'overridden', status: 'draining', already: false, published: 'draining', up: 0 })
    expect(await asked('drain', 'web/node1', '--last')).toMatchObject({ already: true })
    expect(await asked('undrain', 'web/node1')).toEqual({ ...common, type: 'returned', status: 'draining', published: 'up' })
    expect(await asked('undrain', 'web/node1')).toEqual({ ...common, type: 'returned', status: null, published: 'up' })
  })

  it.each([
    [['drain'], "error: missing required argument 'instance'"],
    [['drain', 'node1'], 'error: <instance> must be <service>/<id>, got "node1" (such as web/node1)'],
    [['drain', '/node1'], 'error: <instance> must be <service>/<id>, got "/node1" (such as web/node1)'],
    [['drain', 'web/'], 'error: <instance> must be <service>/<id>, got "web/" (such as web/node1)'],
    [['undrain', 'web/'], 'error: <instance> must be <service>/<id>, got "web/" (such as web/node1)'],
    [['drain', 'web/a', '--status', 'up'], 'error: --status must be draining or down, got "up"'],
    [['drain', 'web/a', '--wait', '0'], 'error: --wait must be a number of seconds, more than 0 and at most 3600, got "0"'],
  ])('%j is wrong usage', async (argv, message) => {
    const { code, out, err } = await started().run(...argv)
    expect({ code, out, err: err.replace(/\n(\(use --help for help\)\n)?$/, '') }).toEqual({ code: 2, out: '', err: message })
  })
})
