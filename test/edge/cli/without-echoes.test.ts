import { Subject } from 'rxjs'
import { expect, it } from 'vitest'
import { virtually } from 'rx-discovery/testing'
import type { Signal } from '../../../src/edge/cli/host.js'
import { withoutEchoes } from '../../../src/edge/cli/without-echoes.js'

it('a signal that comes twice at once, as `timeout` and npx send it, is one; a second Ctrl-C and another signal are not left out', () => {
  virtually(({ advance }) => {
    const signals = new Subject<Signal>()
    const seen: Signal[] = []
    signals.pipe(withoutEchoes()).subscribe(signal => seen.push(signal))
    signals.next('SIGINT')
    advance(20)
    signals.next('SIGINT')
    signals.next('SIGTERM')
    expect(seen).toEqual(['SIGINT', 'SIGTERM'])
    advance(500)
    signals.next('SIGINT')
    expect(seen).toEqual(['SIGINT', 'SIGTERM', 'SIGINT'])
  })
})
