import { html, render, type TemplateResult } from 'lit'
import type { HeldLever, Pull, RegistryState } from '../messages.js'

/** The buttons that cause failures. */
export interface Levers {
  /** `undefined`: no program runs. */
  readonly show: (state: RegistryState | undefined) => void
}

const toggles: Readonly<Record<HeldLever, readonly [name: string, effect: string]>> = {
  freeze: ['Freeze', 'Nothing answers until you press it again; after 5 s, watches and calls give up. Leases expire meanwhile.'],
  deny: ['Deny', 'Denies every call until you press it again, as a role that was revoked.'],
  lag: ['Lag', 'Watches deliver nothing until you press it again, as a member that lags.'],
}
const names = ['freeze', 'deny', 'lag'] as const

/** Draws the levers into an element. */
export const leversIn = (host: HTMLElement, pull: (pull: Pull) => void): Levers => {
  let state: RegistryState | undefined
  let lease = ''
  let forMs = 3_000
  let to = 1

  const draw = (): void => {
    render(template(), host)
  }
  const toggle = (lever: HeldLever): TemplateResult => {
    const on = state?.held.includes(lever) ?? false
    const [name, effect] = toggles[lever]
    return html`<button data-lever=${lever} title=${effect} aria-pressed=${on} ?disabled=${state === undefined} @click=${() => pull({ lever, on: !on })}>${name}</button>`
  }
  const template = (): TemplateResult => {
    const off = state === undefined
    const leases = state?.leases ?? []
    const chosen = leases.find(({ id }) => id === lease) ?? leases[0]
    return html`<div class="bar">
        <h2>Levers</h2>
        <span class="hint">${state === undefined ? 'Run a program, then make it fail.' : html`revision <b>${state.revision}</b> · <b>${leases.length}</b> ${leases.length === 1 ? 'lease' : 'leases'}`}</span>
      </div>
      <div class="pullable">
        <span class="group">
          <button data-lever="interrupt" title="Cuts every watch and call, and refuses new ones for a while, as a restart does." ?disabled=${off} @click=${() => pull({ lever: 'interrupt', forMs })}>Interrupt</button>
          <select aria-label="Interrupt for how long" ?disabled=${off} @change=${(event: Event) => (forMs = Number((event.target as HTMLSelectElement).value))}>
            ${[0, 1_000, 3_000, 10_000].map(ms => html`<option value=${ms} ?selected=${ms === forMs}>${ms / 1_000} s</option>`)}
          </select>
        </span>
        ${names.map(toggle)}
        <button data-lever="compact" title="Forgets the history." ?disabled=${off} @click=${() => pull({ lever: 'compact' })}>Compact</button>
        <span class="group">
          <button data-lever="expire" title="The lease expires, as after its TTL." ?disabled=${chosen === undefined} @click=${() => (chosen === undefined ? undefined : pull({ lever: 'expire', lease: chosen.id }))}>Expire</button>
          <select
            aria-label="Which lease expires"
            ?disabled=${chosen === undefined}
            .value=${chosen?.id ?? ''}
            @change=${(event: Event) => {
              lease = (event.target as HTMLSelectElement).value
              draw()
            }}
          >
            ${leases.map(({ id, holds }) => html`<option value=${id} ?selected=${id === chosen?.id}>${id}${holds === '' ? '' : `: ${holds}`}</option>`)}
          </select>
        </span>
        <span class="group">
          <button data-lever="rewind" title="Restarts with the content of that revision, as a restored backup does." ?disabled=${off} @click=${() => pull({ lever: 'rewind', to })}>Rewind to</button>
          <input type="number" aria-label="Rewind to which revision" min="1" max=${state?.revision ?? 1} .value=${String(to)} ?disabled=${off} @input=${(event: Event) => (to = Number((event.target as HTMLInputElement).value))} />
        </span>
        <button data-lever="restore" title="Releases all levers that are held." ?disabled=${off || state?.held.length === 0} @click=${() => pull({ lever: 'restore' })}>Restore</button>
      </div>`
  }
  draw()
  return {
    show: next => {
      state = next
      draw()
    },
  }
}
