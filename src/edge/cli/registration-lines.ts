import { defer, mergeMap, type OperatorFunction } from 'rxjs'
import { leaseHex } from '../../core/errors.js'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Registration } from '../../core/register/registration.js'
import { errorText, outageKey } from './failure.js'
import { moment, type Line } from './output.js'

const leaseOf = (id: string): string => (id === '0' ? 'without a lease' : `lease ${leaseHex(id)}`)

const textOf = (name: string, address: string, state: Registration): string => {
  switch (state.status) {
    case 'registering':
      return `${name} is registering`
    case 'registered':
      return `+ ${name} ${address} is registered at ${state.key}, ${leaseOf(state.leaseId)}, TTL ${state.ttl} s`
    case 'draining':
      return `~ ${name} is draining`
    case 'lost':
      return `${name} is not registered because ${errorText(state.cause)}; retrying`
    case 'taken':
      return `${name} is not registered because another client has written ${state.key} (${leaseOf(state.by)}); waiting until the key is deleted`
    case 'withdrawn':
      return `${name} is withdrawn: its format has no entry for its current status`
    case 'revoked':
      return `- ${name} is revoked`
  }
}

const detailsOf = (state: Registration): Readonly<Record<string, unknown>> => {
  switch (state.status) {
    case 'registered':
    case 'draining': {
      const { key, leaseId, revision, ttl, expiresAt, renewals } = state
      return { key, leaseId, revision, ttl, expiresAt: moment(expiresAt), renewals }
    }
    case 'lost':
      return { error: { name: state.cause.name, message: errorText(state.cause) }, attempt: state.attempt, retryAt: moment(state.retryAt) }
    case 'taken':
      return { key: state.key, by: state.by }
    case 'registering':
    case 'withdrawn':
    case 'revoked':
      return {}
  }
}

/** A key that is equal for states that are printed once: renewals, and attempts in the same outage. */
const repetitionKey = (state: Registration): string => {
  switch (state.status) {
    case 'registered':
    case 'draining':
      return [state.status, state.key, state.leaseId, state.revision].join(' ')
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

/** Turns the states of a registration into lines. Each reason of an outage gives one line, however many attempts fail. */
export const registrationLines =
  ({ service, id, address }: ServiceInstance): OperatorFunction<Registration, Line> =>
  source =>
    defer(() => {
      const printed = new Set<string>()
      return source.pipe(
        mergeMap((state): readonly Line[] => {
          const key = repetitionKey(state)
          if (printed.has(key)) return []
          if (state.status !== 'lost' && state.status !== 'registering') printed.clear()
          printed.add(key)
          return [{ text: textOf(`${service}/${id}`, address, state), json: { type: state.status, service, id, address, ...detailsOf(state) } }]
        }),
      )
    })
