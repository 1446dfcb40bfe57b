import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { Closed, discover, known } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { see } from '../../scene.js'

describe('one value of a discovery', () => {
  it('is the pending set at once without known(), and the first set that was read with it', async () => {
    const own = memoryRegistry()
    expect((await firstValueFrom(discover(own, 'web'))).status).toBe('pending')
    expect((await firstValueFrom(discover(own, 'web').pipe(known()))).status).toBe('live')
  })
  it('errors Closed with known() if the registry is closed before it has been listed, not EmptyError', async () => {
    const own = memoryRegistry()
    own.freeze()
    const first = firstValueFrom(discover(own, 'web').pipe(known()))
    await own.close()
    await expect(first).rejects.toBeInstanceOf(Closed)
  })
  it('completes with known() if the registry is closed later', () => {
    const own = memoryRegistry()
    const seen = see(discover(own, 'web').pipe(known()))
    void own.close()
    expect([seen.values.map(({ status }) => status), seen.error, seen.completed]).toEqual([['live', 'stale'], undefined, true])
  })
})
