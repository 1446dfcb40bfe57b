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
const lost: Registration = { status: 'lost', cause: new Error('cut'), attempt: 1, retryAt: 1 }

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

  it('begins anew with another lease', () => {
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

  it('carries the error of health', () => {
    const healthError = new Error('disk full')
    const ill: RegistrationEvent = { type: 'present', as: 'registered', key: '/a', revision: 2, published: 'down', healthError }
    expect(after(leased('1'), settled(), ill)).toMatchObject({ status: 'registered', healthError })
  })
})
