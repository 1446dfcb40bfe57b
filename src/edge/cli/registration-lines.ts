import { defer, mergeMap, type OperatorFunction } from 'rxjs'
import { leaseHex } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Registration, StatusReasons } from '../../core/register/registration.js'
import type { RegisterOptions } from '../../flow/registration/register-options.js'
import { errorText, outageKey } from './failure.js'
import { moment, type Line } from './output.js'

/** What is done if another client has written the key. */
export type OnTaken = NonNullable<RegisterOptions['onTaken']>

const leaseOf = (id: string): string => (id === '0' ? 'without a lease' : `lease ${leaseHex(id)}`)

/** Why the status is not the one that was asked for. */
const reasonOf = ({ override, healthError }: StatusReasons): string | undefined => {
  if (override !== undefined) return `because an operator overrides the status (${override.key})`
  return healthError === undefined ? undefined : `because its health check failed: ${errorText(healthError)}`
}

/** Both, or only what is there. */
const joined = (...parts: readonly (string | undefined)[]): string => parts.filter(part => part !== undefined).join(' ')

/** What is done while another client has the key. Only at the start it is found out whether that client lives; one without a lease counts as living. */
const nextOf = (by: string, onTaken: OnTaken, isStart: boolean): string => {
  if (!isStart || (by === '0' && onTaken !== 'fail')) return '; waiting until the key is deleted'
  if (onTaken === 'fail') return by === '0' ? '' : '; finding out whether that client lives'
  return '; waiting until the key is deleted, or replacing it if that client is dead'
}

const textOf = (name: string, address: string, state: Registration, onTaken: OnTaken, isStart: boolean): string => {
  switch (state.status) {
    case 'registering':
      return `${name} is registering`
    case 'registered': {
      const as = state.published === 'up' ? undefined : `as ${state.published}`
      return `+ ${joined(name, address, 'is registered', as, `at ${state.key}, ${leaseOf(state.leaseId)}, TTL ${state.ttl} s`, reasonOf(state))}`
    }
    case 'draining':
      return `~ ${name} is draining${state.cause === undefined ? '' : `; its lease was not revoked because ${errorText(state.cause)}`}`
    case 'lost':
      return `${name} is not registered because ${errorText(state.cause)}; retrying`
    case 'taken':
      return `${name} is not registered because another client has written ${state.key} (${leaseOf(state.by)})${nextOf(state.by, onTaken, isStart)}`
    case 'withdrawn':
      return joined(`${name} is withdrawn: its format has no entry for its current status`, reasonOf(state))
    case 'revoked':
      return `- ${name} is revoked${state.confirmed ? '' : `, but etcd did not confirm it (${errorText(state.cause)}); its key expires by ${moment(state.expiresAt)}`}`
  }
}

const errorOf = (error: Error): Readonly<Record<string, string>> => ({ name: error.name, message: errorText(error) })

const reasonDetails = ({ override, healthError }: StatusReasons): Readonly<Record<string, unknown>> => ({
  ...(override && { override }),
  ...(healthError && { healthError: errorOf(healthError) }),
})

const detailsOf = (state: Registration): Readonly<Record<string, unknown>> => {
  switch (state.status) {
    case 'registered':
    case 'draining': {
      const { key, leaseId, revision, ttl, expiresAt, renewals, published } = state
      const cause = state.status === 'draining' && state.cause !== undefined ? { error: errorOf(state.cause) } : {}
      return { key, leaseId, revision, ttl, expiresAt: moment(expiresAt), renewals, published, ...reasonDetails(state), ...cause }
    }
    case 'lost':
      return { error: errorOf(state.cause), attempt: state.attempt, retryAt: moment(state.retryAt) }
    case 'taken':
      return { key: state.key, by: state.by }
    case 'revoked':
      return state.confirmed ? { confirmed: true } : { confirmed: false, error: errorOf(state.cause), expiresAt: moment(state.expiresAt) }
    case 'withdrawn':
      return reasonDetails(state)
    case 'registering':
      return {}
  }
}

/** A key that is equal for states that are printed once: renewals, and attempts in the same outage. */
const repetitionKey = (state: Registration): string => {
  switch (state.status) {
    case 'registered':
    case 'draining':
      return joined(state.status, state.key, state.leaseId, String(state.revision), reasonOf(state), state.status === 'draining' ? state.cause?.name : undefined)
    case 'lost':
      return `lost ${outageKey(state.cause)}`
    case 'taken':
      return `taken ${state.by}`
    case 'registering':
    case 'withdrawn':
    case 'revoked':
      return state.status
  }
}

/** Turns the states of a registration with this `onTaken` into lines. Each reason of an outage gives one line, however many attempts fail. */
export const registrationLines =
  ({ service, id, address }: ServiceInstance, onTaken: OnTaken = 'wait'): OperatorFunction<Registration, Line> =>
  source =>
    defer(() => {
      const printed = new Set<string>()
      let wasThere = false
      let isStart = true
      return source.pipe(
        mergeMap((state): readonly Line[] => {
          const key = repetitionKey(state)
          if (state.status === 'registered' || state.status === 'draining') {
            wasThere = true
            isStart = false
          }
          if (state.status === 'taken' || state.status === 'withdrawn') wasThere = false
          // Without a key there is nothing to report, unless etcd may still write it.
          if (state.status === 'revoked' && state.confirmed && !wasThere) return []
          if (printed.has(key)) return []
          if (state.status !== 'lost' && state.status !== 'registering') printed.clear()
          printed.add(key)
          return [{ text: textOf(`${service}/${id}`, address, state, onTaken, isStart), json: { type: state.status, service, id, address, ...detailsOf(state) } }]
        }),
      )
    })
