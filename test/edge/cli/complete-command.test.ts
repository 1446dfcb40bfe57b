import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { installPackage } from '../../etcd/provision-package.js'
import { isThere } from '../../is-there.js'
import { program } from './program.js'

/** Installs a shell that is missing, if this process may. */
const hasShell = async (name: 'zsh' | 'fish'): Promise<boolean> => {
  if (spawnSync(name, ['--version']).error !== undefined) await installPackage(name, { 'apt-get': name, dnf: name, brew: name }, console.log)
  return isThere('CONTRIBUTING.md', name, '--version')
}

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
    [['list', '--format=k'], ['--format=kratos', '--format=kitex']],
    [['drain', 'web/a', '--status', ''], ['draining', 'down']],
    [['watch', '--errors='], []],
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
    expect(await words(['replay', 'x.jsonl', '--service=foo'], filled())).toEqual(['--service=foo/bar'])
    const it = filled()
    await words(['list', '--endpoints=a:1', ''], it)
    expect(it.printed.connections).toEqual([{ hosts: ['a:1'] }])
  })
  it('is the name of an instance, for undrain one that is overridden', async () => {
    expect(await words(['drain', ''], filled())).toEqual(['foo/bar/a', 'web-admin/a', 'web/a', 'web/b'])
    expect(await words(['drain', 'web/'], filled())).toEqual(['web/a', 'web/b'])
    expect(await words(['drain', 'web/a', ''], filled())).toEqual([])
    const it = filled()
    it.registry.write('/rx-discovery-overrides/web/b', 'down')
    it.registry.write('/rx-discovery-overrides/left/over', 'down')
    expect(await words(['undrain', ''], it)).toEqual(['left/over', 'web/b'])
    const goZero = program()
    goZero.registry.write('/all/user.rpc/7587', '10.0.0.6:8080')
    expect(await words(['--format', 'goZero', '--prefix', '/all', 'drain', 'u'], goZero)).toEqual(['user.rpc/10.0.0.6:8080'])
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
})

/** Runs a shell with the script of its completion, and with a program that offers these lines. Returns what it printed, and the words that the program was asked with. */
const inShell = async (shell: string, lines: readonly string[], ask: (script: string) => readonly string[]): Promise<{ readonly out: string; readonly asked: string }> => {
  const it = program()
  await it.run('complete', shell)
  const dir = mkdtempSync(join(tmpdir(), 'complete-'))
  try {
    writeFileSync(join(dir, 'lines'), lines.map(line => `${line}\n`).join(''))
    writeFileSync(join(dir, 'rx-discovery'), `#!/bin/sh\nprintf '<%s>' "$@" >> ${dir}/asked\ncat ${dir}/lines\n`, { mode: 0o755 })
    writeFileSync(join(dir, 'script'), it.printed.out)
    const { stdout, stderr } = spawnSync(shell, ask(join(dir, 'script')), { env: { PATH: `${dir}:${process.env['PATH'] ?? ''}`, HOME: dir }, encoding: 'utf8' })
    expect(stderr).toBe('')
    return { out: stdout, asked: readFileSync(join(dir, 'asked'), 'utf8') }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

describe('in bash', () => {
  /** `words` as bash splits them. */
  const bash = (words: readonly string[], lines: readonly string[]) =>
    inShell('bash', lines, script => ['--norc', '-c', `source ${script}; COMP_WORDS=(rx-discovery "$@"); COMP_CWORD=$#; _rx_discovery; printf '<%s>' "\${COMPREPLY[@]}"; complete -p rx-discovery`, 'bash', ...words])

  it('the words become candidates, without their descriptions', async () => {
    expect(await bash(['watch', 'a b', ''], ['web\tdescription: a b', 'grpc'])).toEqual({
      out: '<web><grpc>complete -o default -F _rx_discovery rx-discovery\n',
      asked: '<complete-words><--><watch><a b><>',
    })
  })
  it.each<[readonly string[], string, string, string]>([
    [['--endpoints', 'http', ':', '//a', ':', '1', 'list', 'w'], '<--endpoints><http://a:1><list><w>', 'web', '<web>'],
    [['list', '--format', '=', 'k'], '<list><--format=k>', '--format=kitex', '<kitex>'],
    [['list', '--format', '='], '<list><--format=>', '--format=kitex', '<kitex>'],
    [['drain', 'web/h', ':'], '<drain><web/h:>', 'web/h:80', '<80>'],
    [['drain', 'web/h', ':', '8'], '<drain><web/h:8>', 'web/h:80', '<80>'],
  ])('%j are put together again, and a candidate replaces the last of them', async (words, asked, line, candidate) => {
    const found = await bash(words, [line])
    expect([found.asked, found.out.split('complete')[0]]).toEqual([`<complete-words><-->${asked}`, candidate])
  })
  it('a name is never run as a command', async () => {
    expect((await bash(['list', ''], ['$(id)', 'a b;c'])).out.split('complete')[0]).toBe('<\\$\\(id\\)><a\\ b\\;c>')
  })
})

describe.skipIf(!(await hasShell('zsh')))('in zsh', () => {
  it('the words are described, whatever is in them', async () => {
    // Prints what is to be described.
    const ask = `compdef() { }; _describe() { print -rl -- "\${(@P)2}" }; source $1; words=(rx-discovery watch 'a b' ''); CURRENT=4; _rx_discovery`
    expect(await inShell('zsh', ['web\tdescription: a', 'h:1', 'b\\c'], script => ['-f', '-c', ask, 'zsh', script])).toEqual({
      out: 'web:description\\: a\nh\\:1\nb\\\\c\n',
      asked: '<complete-words><--><watch><a b><>',
    })
  })
})

describe.skipIf(!(await hasShell('fish')))('in fish', () => {
  it('the words become candidates, with their descriptions', async () => {
    expect(await inShell('fish', ['web\tdescription: a', 'web h:1'], script => ['--no-config', '-c', `source ${script}; complete -C "rx-discovery watch a\\ b we"`])).toEqual({
      out: 'web\tdescription: a\nweb h:1\n',
      asked: '<complete-words><--><watch><a b><we>',
    })
  })
})
