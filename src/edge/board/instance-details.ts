import { html, nothing, type TemplateResult } from 'lit'
import type { DecodedEntry } from '#internal/core/view/service-index'
import type { Status } from 'rx-discovery'
import type { BoardFrame } from './board-frame.js'
import { revisionText } from './board-revision.js'
import { detailsPanel } from './details-panel.js'
import type { InstanceRow } from './service-rows.js'
import { stateSign } from './state-sign.js'
import { clockText, durationText } from './times.js'

/** The rest of a lease as it was asked for. */
export interface AskedTtl {
  readonly lease: string
  /** Seconds; −1: there is no such lease. */
  readonly granted: number
  readonly left: number
  /** When it was answered, epoch ms. */
  readonly at: number
}

/** What an operator may do with the selected instance. */
export interface Operation {
  /** The status of its override, if there is one. */
  readonly override: Status | undefined
  /** Whether it is the last one of its service that is up. */
  readonly isLast: boolean
  /** What is to be confirmed. */
  readonly asked: 'drain' | undefined
  readonly isBusy: boolean
  readonly problem: string
  readonly ask: (what: 'drain' | undefined) => void
  readonly drain: () => void
  readonly giveBack: () => void
}

/** What the panel shows. */
export interface InstanceDetailsState {
  readonly row: InstanceRow
  readonly entry: DecodedEntry<unknown> | undefined
  readonly ttl: AskedTtl | undefined
  /** `undefined`: the board is read-only. */
  readonly operation: Operation | undefined
}

const hexadecimal = (lease: string): string => BigInt(lease).toString(16)

const leaseOf = ({ entry, ttl }: InstanceDetailsState, now: number): TemplateResult | typeof nothing => {
  if (entry === undefined) return nothing
  if (entry.lease === '0') return html`<dt>Lease</dt><dd>none: its key stays when the process dies</dd>`
  const isKnown = ttl?.lease === entry.lease
  const left = isKnown ? Math.max(0, ttl.left - (now - ttl.at) / 1_000) : 0
  const text = !isKnown ? '' : ttl.granted < 0 || ttl.left < 0 ? 'expired' : `${Math.round(left)} s of ${ttl.granted} s left`
  return html`<dt>Lease</dt>
    <dd><span class="mono" title="decimal: ${entry.lease}">${hexadecimal(entry.lease)}</span>${isKnown ? html`<br /><span data-ttl>${text}</span>${ttl.granted > 0 ? html`<progress class="ttl" aria-label="Remaining TTL" max=${ttl.granted} value=${left}></progress>` : nothing}` : nothing}</dd>`
}

const operations = ({ row }: InstanceDetailsState, { override, isLast, asked, isBusy, problem, ask, drain, giveBack }: Operation): TemplateResult => {
  const { service, id } = row.instance
  const notice = override === undefined ? nothing : html`<p>An operator's override asks for <b>${override}</b>.</p>`
  const confirm = html`<p>${isLast ? html`<b class="warning">This is the last instance of ${service} that is up.</b> ` : nothing}Drain ${service}/${id}? It gets no new calls until you give it back, also after a restart.</p>
    <div class="row">
      <button class="action strong" ?disabled=${isBusy} @click=${drain}>${isLast ? 'Drain the last one' : 'Drain it'}</button>
      <button class="action" @click=${() => ask(undefined)}>Cancel</button>
    </div>`
  const buttons = html`<div class="row">
    <button class="action" ?disabled=${isBusy || override === 'draining' || row.state === 'gone'} @click=${() => ask('drain')}>Drain…</button>
    <button class="action" ?disabled=${isBusy || override === undefined} @click=${giveBack}>Give back</button>
  </div>`
  return html`<div class="operate" role="group" aria-label="Operator">
    ${notice} ${asked === 'drain' ? confirm : buttons} ${problem === '' ? nothing : html`<p class="warning" role="alert">${problem}</p>`}
  </div>`
}

/** Everything about the selected instance. Whatever its fields hold is shown as text. */
export const instanceDetails = (state: InstanceDetailsState, frame: BoardFrame): TemplateResult => {
  const { row, operation } = state
  const { instance, known, departed } = row
  const { service, id, address, zone, version, weight, tags, endpoints, metadata, incarnation } = instance
  const { now, since, past } = frame
  const field = (name: string, value: unknown): TemplateResult | typeof nothing => (value === '' || value === undefined ? nothing : html`<dt>${name}</dt><dd>${value}</dd>`)
  const json = JSON.stringify(metadata, null, 2)
  const seen = known && `${known.exact ? '' : 'before '}${clockText(known.since, now)}${past === undefined ? ` (${known.exact ? '' : '≥ '}${durationText(now - known.since)})` : ''}`
  const last = known?.last
  const fields = html`<dl class="fields">
      <dt>Status</dt>
      <dd>${stateSign(row.state)}</dd>
      ${field('Address', html`<span class="mono">${address}</span>`)} ${field('Zone', zone)} ${field('Version', version)} ${field('Weight', String(weight))}
      ${tags.length === 0 ? nothing : field('Tags', tags.map(tag => html`<span class="chip">${tag}</span>`))}
      ${Object.entries(endpoints).map(([name, at]) => field(name, html`<span class="mono">${at}</span>`))} ${field('First seen', seen)}
      ${departed === undefined ? nothing : field('Left', departed.entry.at === undefined ? `before ${clockText(since, now)}` : `${clockText(departed.entry.at, now)} (${durationText(now - departed.entry.at)} ago)`)}
      ${last === undefined ? nothing : field('Last change', `${last.type === 'updated' ? last.text : last.type} at ${revisionText(last.revision)}`)}
      ${field('Incarnation', incarnation === '' ? '' : html`<span class="mono">${incarnation}</span>`)} ${leaseOf(state, now)}
      ${json === '{}' ? nothing : field('Metadata', html`<pre class="mono" tabindex="0" aria-label="Metadata">${json}</pre>`)}
    </dl>
    ${operation === undefined || past !== undefined ? nothing : operations(state, operation)}`
  return detailsPanel(html`${service} / <span class="mono">${id}</span>`, fields, frame)
}
