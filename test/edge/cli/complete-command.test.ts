import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { program } from './program.js'

const words = async (argv: readonly string[], it = program()): Promise<readonly string[]> => {
  expect(await it.run('complete-words', '--', ...argv)).toBe(0)
  return it.lines().map(line => line.split('\t')[0] ?? '')
}
const filled = (...args: Parameters<typeof program>) => {
  const it = program(...args)
  for (const key of ['web/a', 'web/b', 'web-admin/a', 'foo/bar/a']) it.registry.write(`/rx-discovery/${key}`, '{"address":"h:1"}')
  it.registry.write('/fleet/other/a', '{"address":"h:1"}')
  return it
}

describe('what can follow', () => {
  it('is a command', async () => {
    expect(await words([''])).toEqual(['register', 'watch', 'list', 'events', 'drain', 'undrain', 'doctor', 'record', 'replay', 'ui', 'complete', 'help'])
    expect(await words(['re'])).toEqual(['register', 'record', 'replay'])
    expect(await words(['--endpoints', 'a:1', '--json', 'wa'])).toEqual(['watch'])
  })
  it('is an option of the command, or one that all share, with its description', async () => {
    const it = program()
    expect(await words(['watch', '--e'], it)).toEqual(['--errors', '--exec', '--endpoints'])
    expect(it.lines()[0]).toMatch(/^--errors\tonly what is sick/)
  })
  it.each([
    [['list', '--format', 'k'], ['kratos', 'kitex']],
    [['register', 'web', '--status', ''], ['starting', 'up', 'draining', 'down']],
    [['register', 'web', '--on-taken', 'f'], ['fail']],
    [['complete', ''], ['bash', 'zsh', 'fish']],
    // The shell completes names of files.
    [['record', '--out', ''], []],
    [['replay', ''], []],
    [['register', 'web', ''], []],
    [['nonsense', ''], ['register', 'watch', 'list', 'events', 'drain', 'undrain', 'doctor', 'record', 'replay', 'ui', 'complete', 'help']],
  ])('after %j is %j', async (argv, expected) => {
    expect(await words(argv)).toEqual(expected)
  })
  it('is the name of a service, under the prefix that the line names so far', async () => {
    expect(await words(['watch', ''], filled())).toEqual(['foo/bar', 'web', 'web-admin'])
    expect(await words(['watch', 'foo/bar', 'web'], filled())).toEqual(['web', 'web-admin'])
    expect(await words(['--prefix', '/fleet', 'list', ''], filled())).toEqual(['other'])
    expect(await words(['replay', 'x.jsonl', '--service', 'w'], filled())).toEqual(['web', 'web-admin'])
    const it = filled()
    await words(['list', '--endpoints=a:1', ''], it)
    expect(it.printed.connections).toEqual([{ hosts: ['a:1'] }])
  })
  it('is nothing, soon, if etcd does not answer, if access is denied, and if an option is wrong', async () => {
    const silent = filled()
    silent.registry.freeze()
    const began = performance.now()
    expect(await words(['watch', ''], silent)).toEqual([])
    expect(performance.now() - began).toBeLessThan(5_000)
    const denied = filled()
    denied.registry.deny()
    expect(await words(['watch', ''], denied)).toEqual([])
    expect(await words(['watch', '--format', 'xml', ''], filled())).toEqual([])
    expect(await words(['watch', '--format', 'plain', ''], filled())).toEqual([])
    for (const { printed } of [silent, denied]) expect(printed.err).toBe('')
  })
})

describe('complete', () => {
  it.each(['bash', 'zsh', 'fish'])('prints the script of %s', async shell => {
    const it = program()
    expect(await it.run('complete', shell)).toBe(0)
    await expect(it.printed.out).toMatchFileSnapshot(`completion/${shell}.txt`)
  })
  it('knows no other shell', async () => {
    const it = program()
    expect([await it.run('complete', 'tcsh'), it.printed.err]).toEqual([2, 'error: <shell> must be bash, zsh or fish, got "tcsh"\n'])
  })
  it('in bash, the words become candidates, without their descriptions', async () => {
    const it = program()
    await it.run('complete', 'bash')
    const dir = mkdtempSync(join(tmpdir(), 'complete-'))
    try {
      // Prints what it got, as candidates.
      writeFileSync(join(dir, 'rx-discovery'), '#!/bin/sh\nfor word; do printf "%s\\tdescription: a b\\n" "$word"; done\n', { mode: 0o755 })
      writeFileSync(join(dir, 'script'), it.printed.out)
      const ask = `source ${dir}/script; COMP_WORDS=(rx-discovery watch 'a b' ''); COMP_CWORD=3; _rx_discovery; printf '<%s>' "\${COMPREPLY[@]}"; complete -p rx-discovery`
      const { stdout } = spawnSync('bash', ['--norc', '-c', ask], { env: { PATH: `${dir}:${process.env['PATH'] ?? ''}` }, encoding: 'utf8' })
      expect(stdout).toBe('<complete-words><--><watch><a b><>complete -o default -F _rx_discovery rx-discovery\n')
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
