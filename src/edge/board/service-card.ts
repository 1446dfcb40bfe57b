import { html, nothing, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { ifDefined } from 'lit/directives/if-defined.js'
import { leased } from '#internal/core/instance/leased'
import type { BoardFrame } from './board-frame.js'
import { numberText } from './number-text.js'
import { rowStates } from './row-state.js'
import { isWell, rowName, type InstanceRow, type ServiceRows } from './service-rows.js'
import { stateSign, stateSquares } from './state-sign.js'
import { durationText } from './times.js'
import { isBad } from './worst-first.js'

/** How many sick instances a closed card lists, and how many rows a table has: a filter shows the others. */
const [mostAiling, mostRows] = [4, 300]

const ageText = ({ known }: InstanceRow, { now, since, past }: BoardFrame, at: number | undefined): string => {
  if (known === undefined) return '–'
  if (past !== undefined && at === undefined) return '–'
  return `${known.exact ? '' : '≥ '}${durationText((past === undefined ? now : (at ?? since)) - known.since)}`
}

/** How long ago a time was. */
const agoText = (now: number, at: number): string => (now - at < 1_000 ? 'now' : `${durationText(now - at)} ago`)

/** When the last thing happened to an instance; what it was if no time is known. */
const lastAgo = ({ known, departed }: InstanceRow, { now, past }: BoardFrame): string => {
  const entry = departed?.entry ?? known?.last
  if (entry === undefined) return ''
  return past !== undefined || entry.at === undefined ? '' : agoText(now, entry.at)
}

/** The last thing that happened to an instance, with its age. */
const lastText = ({ known, departed }: InstanceRow, { now, past }: BoardFrame): string => {
  const entry = departed?.entry ?? known?.last
  if (entry === undefined) return ''
  const text = entry.type === 'updated' ? entry.text : entry.type
  return past !== undefined || entry.at === undefined ? text : `${text}, ${agoText(now, entry.at)}`
}

const values = (texts: Iterable<string>, many: string): string => {
  const all = [...new Set(texts)].filter(text => text !== '')
  return all.length > 3 ? `${all.length} ${many}` : all.join(' · ')
}

const instanceLine = (row: InstanceRow, frame: BoardFrame, at: number | undefined): TemplateResult => {
  const { instance, state, known, departed } = row
  const { id, address, zone, version, weight, tags } = instance
  const name = rowName(instance)
  const isSelected = frame.selected === name
  const isFresh = frame.isFresh(departed?.entry ?? known?.last)
  // On a narrow page the table is laid out as cards, in which only the roles make it a table.
  return html`<tr role="row" class="${state === 'gone' ? 'gone' : ''} ${isFresh ? 'fresh' : ''} ${isSelected ? 'selected' : ''}">
    <th role="rowheader" scope="row"><button class="name mono" data-name=${name} aria-pressed=${isSelected} @click=${() => frame.select(isSelected ? '' : name)}>${id}</button></th>
    <td role="cell">${stateSign(state)}${leased(instance) ? nothing : html` <span class="chip warn" title="Its key has no lease, so it stays when the process dies">no lease</span>`}</td>
    <td role="cell" class="mono">${address}</td>
    <td role="cell">${zone}</td>
    <td role="cell">${version}</td>
    <td role="cell" class="end weight">${weight}</td>
    <td role="cell">${tags.map(tag => html`<span class="chip">${tag}</span>`)}</td>
    <td role="cell" class="end age">${ageText(row, frame, at)}</td>
    <td role="cell" class="last">${lastText(row, frame)}</td>
  </tr>`
}

const columns = ['Instance', 'Status', 'Address', 'Zone', 'Version', 'Weight', 'Tags', 'Age', 'Last change']

const instanceTable = ({ service, rows }: ServiceRows, frame: BoardFrame, at: number | undefined): TemplateResult =>
  html`<div class="scroll">
    <table role="table">
      <caption class="unseen">Instances of ${service}</caption>
      <thead role="rowgroup">
        <tr role="row">${columns.map(column => html`<th role="columnheader" scope="col" class=${column === 'Weight' || column === 'Age' ? 'end' : ''}>${column}</th>`)}</tr>
      </thead>
      <tbody role="rowgroup">${rows.slice(0, mostRows).map(row => instanceLine(row, frame, at))}</tbody>
    </table>
    ${rows.length > mostRows ? html`<p class="note">and ${rows.length - mostRows} more: a filter shows them</p>` : nothing}
  </div>`

const ailingList = (ailing: readonly InstanceRow[], service: string, frame: BoardFrame): TemplateResult =>
  html`<ul class="ailing">
    ${ailing.slice(0, mostAiling).map(row => {
      const name = rowName(row.instance)
      const fresh = frame.isFresh(row.departed?.entry ?? row.known?.last) ? 'fresh' : ''
      return html`<li><button class=${fresh} data-name=${name} aria-pressed=${frame.selected === name} @click=${() => frame.select(frame.selected === name ? '' : name)}>
        ${stateSign(row.state)}<span class="mono">${row.instance.id}</span><span class="muted">${lastAgo(row, frame)}</span>
      </button></li>`
    })}
    ${ailing.length > mostAiling ? html`<li><button class="more" @click=${() => frame.toggle(service)}>and ${ailing.length - mostAiling} more</button></li>` : nothing}
  </ul>`

const rejectedList = ({ rejected }: ServiceRows): TemplateResult | typeof nothing =>
  rejected.length === 0
    ? nothing
    : html`<details class="rejected">
        <summary>${rejected.length} ${rejected.length === 1 ? 'entry' : 'entries'} cannot be read</summary>
        <ul>
          ${rejected.map(({ key, reason }) => html`<li><span class="mono">${key}</span>: ${reason}</li>`)}
        </ul>
      </details>`

const recentOf = (rows: readonly InstanceRow[], { now }: BoardFrame): string | undefined => {
  const last = rows.reduce((latest, { known, departed }) => Math.max(latest, known?.last?.at ?? 0, departed?.entry.at ?? 0), 0)
  return last > 0 && now - last < 3_600_000 ? agoText(now, last) : undefined
}

const card = (of: ServiceRows, frame: BoardFrame, at: number | undefined): TemplateResult => {
  const { service, rows, counts } = of
  const { up } = counts.states
  // The worst first, since a closed card lists only some.
  const ailing = rowStates.flatMap(state => (state === 'up' ? [] : rows.filter(row => row.state === state)))
  const isOpen = frame.isOpen(service)
  const total = counts.instances + counts.states.gone
  const recent = frame.past === undefined ? recentOf(rows, frame) : undefined
  return html`<li class="service ${isWell(of) ? '' : isBad(of) ? 'sick' : 'sick mild'} ${isOpen ? 'open' : ''}" data-service=${service}>
    <div class="service-head">
      <h4><button aria-expanded=${isOpen} @click=${() => frame.toggle(service)}><span>${service}</span></button></h4>
      <div class="tally">${numberText(up)}<span>${up === counts.instances ? '' : ` of ${numberText(counts.instances)}`} up${counts.states.gone > 0 ? `, ${numberText(counts.states.gone)} gone` : ''}</span></div>
      ${rows.length === 0 ? nothing : stateSquares(of)}
      <p class="facts">
        <span class="kinds">
          ${[values(rows.map(({ instance }) => instance.version), 'versions'), values(rows.map(({ instance }) => instance.zone), 'zones'), rows.length === total ? '' : `${numberText(rows.length)} of ${numberText(total)} shown`].map(text => (text === '' ? nothing : html`<span>${text}</span> `))}
        </span>
        <span class="recent" title=${ifDefined(recent && 'the last change')}>${recent ?? ''}</span>
      </p>
    </div>
    ${isOpen && rows.length > 0 ? instanceTable(of, frame, at) : ailing.length > 0 ? ailingList(ailing, service, frame) : nothing} ${rejectedList(of)}
  </li>`
}

/** One service: its squares, and the instances that are not well; open, a table of all. It renders again only if what it shows has changed. `at` is the time of a past moment. */
export const serviceCard = (of: ServiceRows, frame: BoardFrame, at: number | undefined): unknown => {
  const { now, past, selected, isOpen } = frame
  const opened = isOpen(of.service)
  const isAffected = selected.startsWith(`${of.service}/`) ? selected : ''
  // Ages go on; those of a closed card whose instances are well change only with the text of its last change.
  const tick = opened || of.rows.some(({ isSick }) => isSick) ? Math.floor(now / 1_000) : recentOf(of.rows, frame)
  return guard([of, opened, isAffected, past, at, tick], () => card(of, frame, at))
}
