import { describe, expect, it } from 'vitest'
import { LeaseLost } from '../../../src/core/errors.js'
import { progress, registering, type Registration, type RegistrationEvent } from '../../../src/core/register/registration.js'
import type { Lease } from '../../../src/core/store.js'

const lease = (id: string, renewals = 0): Lease => ({ id, ttl: 5, expiresAt: 5_000 + renewals, renewals })
const leased = (id: string, renewals?: number): RegistrationEvent => ({ type: 'leased', lease: lease(id, renewals) })
const settled = (as: 'registered' | 'draining' = 'registered', revision = 2): RegistrationEvent => ({ type: 'present', as, key: '/a', revision, published: 'up' })
const stands = (registration: Registration): RegistrationEvent => ({ type: 'absent', registration })
const unleased = (registration: Registration): RegistrationEvent => ({ type: 'leaseless', registration })
const overdue: RegistrationEvent = { type: 'overdue', at: 9 }
const taken: Registration = { status: 'taken', key: '/a', by: '0' }
const lost = { status: 'lost', cause: new Error('cut'), attempt: 1, retryAt: 1 } as const
const unseen: RegistrationEvent = { type: 'unseen', registration: lost }
const ending: RegistrationEvent = { type: 'ending' }
const refused: RegistrationEvent = { type: 'unconfirmed', cause: new Error('denied'), at: 10 }

const all = (...events: readonly RegistrationEvent[]): readonly Registration[] =>
  events.reduce<readonly (typeof registering)[]>((states, event) => [...states, progress(states.at(-1) ?? registering, event)], [registering])
    .map(({ registration }) => registration)
const after = (...events: readonly RegistrationEvent[]): Registration | undefined => all(...events).at(-1)

describe('progress', () => {
  it('is registered once the lease is granted and the keys are written, with the facts of both', () => {
    expect(all(leased('1'), settled())).toEqual([
      { status: 'registering' },
      { status: 'registering' },
      { status: 'registered', leaseId: '1', key: '/a', revision: 2, ttl: 5, expiresAt: 5_000, renewals: 0, published: 'up' },
    ])
  })

  it('is a new state at each renewal, and the same object when nothing is new', () => {
    expect(after(leased('1'), settled(), leased('1', 1))).toMatchObject({ status: 'registered', renewals: 1, expiresAt: 5_001 })
    const [, , first, second] = all(leased('1'), settled(), settled())
    expect(second).toBe(first)
  })

  it('starts over with another lease', () => {
    expect(after(leased('1'), settled(), leased('2'))).toEqual({ status: 'registering' })
    expect(after(leased('1'), settled(), leased('2'), settled())).toMatchObject({ status: 'registered', leaseId: '2' })
  })

  it('is lost if the lease is overdue, and returns to its former state if the lease is renewed after all', () => {
    expect(after(leased('1'), settled(), overdue)).toEqual({ status: 'lost', cause: expect.any(LeaseLost) as Error, attempt: 1, retryAt: 9 })
    expect(after(leased('1'), settled('draining'), overdue, leased('1', 1))).toMatchObject({ status: 'draining', renewals: 1 })
  })

  it('does not turn registered by a write while the lease is overdue, but by its renewal', () => {
    expect(after(leased('1'), settled(), overdue, settled('registered', 3))).toMatchObject({ status: 'lost' })
    expect(after(leased('1'), settled(), overdue, settled('registered', 3), leased('1', 1))).toMatchObject({ status: 'registered', revision: 3 })
  })

  it('reports one lost lease, not two problems, if keys disappear while the lease is overdue', () => {
    const [, , , overdueFirst, gone, ended] = all(leased('1'), settled(), overdue, stands(lost), unleased(lost))
    expect(overdueFirst).toMatchObject({ status: 'lost', cause: { name: 'LeaseLost' } })
    expect([gone, ended]).toEqual([overdueFirst, lost])
    expect(after(leased('1'), settled(), overdue, stands(lost), leased('1', 1), stands(lost))).toBe(lost)
    expect(after(leased('1'), overdue, stands(lost))).toBe(lost)
  })

  it('reports each failed grant, also after an overdue lease', () => {
    const [, , , , , once, twice] = all(leased('1'), settled(), overdue, unleased(lost), stands({ ...lost, attempt: 2 }), unleased({ ...lost, attempt: 3 }))
    expect([once, twice]).toMatchObject([{ attempt: 2 }, { attempt: 3 }])
  })

  it('stays taken or withdrawn while the lease is overdue', () => {
    expect(after(leased('1'), overdue)).toEqual({ status: 'registering' })
    expect(after(leased('1'), settled(), stands(taken), overdue)).toEqual(taken)
    expect(after(leased('1'), settled(), stands({ status: 'withdrawn' }), overdue)).toEqual({ status: 'withdrawn' })
  })

  it('does not come back by a renewal alone once it is lost, taken or withdrawn', () => {
    for (const standing of [lost, taken, { status: 'withdrawn' }] as const)
      expect(after(leased('1'), settled(), stands(standing), leased('1', 1))).toBe(standing)
  })

  it('reports taken and withdrawn once, and each failed attempt', () => {
    const [, , first, second, passed] = all(leased('1'), stands(taken), stands({ ...taken }), stands({ ...taken, by: '7' }))
    expect(second).toBe(first)
    expect(passed).toEqual({ ...taken, by: '7' })
    const [, , once, twice] = all(leased('1'), stands({ status: 'withdrawn' }), stands({ status: 'withdrawn' }))
    expect(twice).toBe(once)
    const [, , failed, again] = all(leased('1'), stands(lost), stands({ ...lost, attempt: 2 }))
    expect([failed, again]).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  })

  it('is lost if the keys can be neither read nor written, and does not come back by a renewal, but by a write', () => {
    expect(after(leased('1'), settled(), unseen)).toBe(lost)
    expect(after(leased('1'), settled(), unseen, leased('1', 1), overdue)).toBe(lost)
    expect(after(leased('1'), settled(), unseen, settled())).toMatchObject({ status: 'registered', revision: 2 })
  })

  it('is draining with the cause if the keys are unseen while it ends, whichever is first, then revoked without confirmation', () => {
    const draining = { status: 'draining', key: '/a', published: 'up', cause: lost.cause }
    for (const events of [[unseen, ending], [ending, unseen]]) {
      expect(after(leased('1'), settled(), ...events)).toMatchObject(draining)
      expect(after(leased('1'), settled(), ...events, leased('1', 1))).toMatchObject({ ...draining, renewals: 1 })
      expect(all(leased('1'), settled(), ...events, refused, { type: 'revoked' }).slice(-2)).toMatchObject([
        { ...draining, cause: { message: 'denied' } },
        { status: 'revoked', confirmed: false, cause: { message: 'denied' }, expiresAt: 5_010 },
      ])
    }
    const [, , , , once, twice] = all(leased('1'), settled(), ending, unseen, unseen)
    expect(twice).toBe(once)
  })

  it('is draining without a cause once the keys are written, also if they were draining before they were unseen', () => {
    expect(after(leased('1'), settled(), ending, unseen, settled('draining', 3))).not.toHaveProperty('cause')
    const again = after(leased('1'), ending, settled('draining'), unseen, settled('draining'))
    expect(again).toMatchObject({ status: 'draining', revision: 2 })
    expect(again).not.toHaveProperty('cause')
  })

  it('is lost and not draining if the keys are gone, or were never there, or the lease is overdue or gone', () => {
    expect(after(leased('1'), settled(), ending, stands(lost))).toBe(lost)
    expect(after(leased('1'), ending, unseen)).toBe(lost)
    expect(after(leased('1'), settled(), ending, overdue, unseen)).toMatchObject({ status: 'lost', cause: { name: 'LeaseLost' } })
    expect(after(leased('1'), settled(), unseen, ending, unleased(lost))).toBe(lost)
  })

  it('changes nothing as it begins to end while the keys are seen', () => {
    const [, , before, then] = all(leased('1'), settled(), ending)
    expect(then).toBe(before)
    expect(all(ending, leased('1'), settled(), leased('2'), settled(), unseen).at(-1)).toMatchObject({ status: 'draining', leaseId: '2' })
  })

  it('carries the error of health', () => {
    const healthError = new Error('disk full')
    const ill: RegistrationEvent = { type: 'present', as: 'registered', key: '/a', revision: 2, published: 'down', healthError }
    expect(after(leased('1'), settled(), ill)).toMatchObject({ status: 'registered', healthError })
  })
})
