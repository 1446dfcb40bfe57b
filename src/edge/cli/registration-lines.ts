import { defer, mergeMap, type OperatorFunction } from 'rxjs'
import type { ServiceInstance } from '../../core/instance/instance.js'
import type { Registration } from '../../core/register/registration.js'
import { gistOf, hexOf, reasonOf } from './complaint.js'
import { moment, type Line } from './output.js'

const leaseOf = (id: string): string => (id === '0' ? 'no lease' : `lease ${hexOf(id)}`)

const textOf = (name: string, address: string, state: Registration): string => {
  switch (state.status) {
    case 'registering':
      return `${name} is registering`
    case 'registered':
      return `+ ${name} ${address} is registered at ${state.key}, ${leaseOf(state.leaseId)}, TTL ${state.ttl} s`
    case 'draining':
      return `~ ${name} is draining`
    case 'lost':
      return `${name} is not registered because ${reasonOf(state.cause)}; trying again`
    case 'taken':
      return `${name} stands down: ${state.key} is held by ${leaseOf(state.by)}; waiting until it is gone`
    case 'withdrawn':
      return `${name} is withdrawn: with this status and format it must not be there`
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
      return { error: { name: state.cause.name, message: reasonOf(state.cause) }, attempt: state.attempt, retryAt: moment(state.retryAt) }
    case 'taken':
      return { key: state.key, by: state.by }
    case 'registering':
    case 'withdrawn':
    case 'revoked':
      return {}
  }
}

/** By what a state differs from the one before: a renewal, or the next attempt after the same outage, is no news. */
const newsOf = (state: Registration): string => {
  switch (state.status) {
    case 'registered':
    case 'draining':
      return [state.status, state.key, state.leaseId, state.revision].join(' ')
    case 'lost':
      return `lost ${gistOf(state.cause)}`
    case 'taken':
      return `taken ${state.by}`
    case 'registering':
    case 'withdrawn':
    case 'revoked':
      return state.status
  }
}

/** What became of a registration, in lines; one line for each reason of an outage, however often it is met. */
export const registrationLines =
  ({ service, id, address }: ServiceInstance): OperatorFunction<Registration, Line> =>
  source =>
    defer(() => {
      const told = new Set<string>()
      return source.pipe(
        mergeMap((state): readonly Line[] => {
          const news = newsOf(state)
          if (told.has(news)) return []
          if (state.status !== 'lost' && state.status !== 'registering') told.clear()
          told.add(news)
          return [{ text: textOf(`${service}/${id}`, address, state), json: { type: state.status, service, id, address, ...detailsOf(state) } }]
        }),
      )
    })
