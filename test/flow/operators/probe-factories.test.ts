import { concat, NEVER, of } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { probe, serviceInstance, serviceSet, type Probe } from 'rx-discovery'
import { virtually } from 'rx-discovery/testing'
import { see } from '../../scene.js'

const sets = of(serviceSet('web', [serviceInstance({ service: 'web', address: 'localhost:8000' })]))

describe('probe with a factory of your own that was not called', () => {
  it('errors at the first check, since the check returns a function', () =>
    virtually(({ advance }) => {
      const myProbe = () => () => of(true)
      const seen = see(concat(sets, NEVER).pipe(probe(myProbe as unknown as Probe)))
      advance(500)
      expect(String(seen.error)).toBe('InvalidArgument: check must be a check, such as httpProbe() or instance => an Observable, got the function myProbe (call it: myProbe())')
    }))
})
