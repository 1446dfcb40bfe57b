import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { writeBlocks } from '../../docs/.vitepress/blocks.js'

it('the blocks of code on the pages compile', () => {
  const folder = 'node_modules/.cache/blocks'
  expect(writeBlocks(folder).length).toBeGreaterThan(60)
  execFileSync(process.execPath, ['node_modules/typescript-7/bin/tsc', '-p', folder], { encoding: 'utf8', stdio: ['ignore', 'inherit', 'inherit'] })
}, 300_000)
