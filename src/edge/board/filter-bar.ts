import { html, nothing, type TemplateResult } from 'lit'
import type { Facets } from './facets.js'
import { filtersSet, noFilters, statusFilters, type Filters } from './filters.js'
import { foundText, type FleetCounts } from './fleet-counts.js'
import { linkCopier, type LinkCopierState } from './link-copier.js'

/** What the filters show. */
export interface FilterBarState {
  readonly filters: Filters
  readonly facets: Facets
  readonly counts: FleetCounts
  /** What of it passes. */
  readonly found: FleetCounts
  readonly change: (filters: Filters) => void
  /** Whether all of them are shown on a narrow page, where only the text is shown otherwise. */
  readonly isUnfolded: boolean
  readonly fold: () => void
  /** `undefined`: the page has no link to what is shown. */
  readonly copier: LinkCopierState | undefined
}

const valueOf = (event: Event): string => (event.target as HTMLInputElement | HTMLSelectElement).value

/** The filters, and a link to what is shown. */
export const filterBar = ({ filters, facets, counts, found, change, isUnfolded, fold, copier }: FilterBarState): TemplateResult => {
  const set = filtersSet(filters)
  const choice = (name: 'zone' | 'version' | 'tag' | 'status', any: string, values: readonly string[]): TemplateResult => {
    const current = filters[name]
    const options = current === '' || values.includes(current) ? values : [current, ...values]
    return html`<select aria-label=${name} class=${current === '' ? '' : 'set'} .value=${current} @change=${(event: Event) => change({ ...filters, [name]: valueOf(event) })}>
      <option value="" ?selected=${current === ''}>${any}</option>
      ${options.map(value => html`<option value=${value} ?selected=${value === current}>${value}</option>`)}
    </select>`
  }
  return html`<form class="filters ${isUnfolded ? 'unfolded' : ''}" role="search" aria-label="Filters" @submit=${(event: Event) => event.preventDefault()}>
    <input type="search" class=${filters.text === '' ? '' : 'set'} aria-label="Text in any field" placeholder="Text in any field  ( / )" .value=${filters.text} @input=${(event: Event) => change({ ...filters, text: valueOf(event) })} />
    <button type="button" class="action fold" aria-expanded=${isUnfolded} @click=${fold}>Filters${set > 0 ? ` (${set})` : ''}</button>
    <div class="choices">
      ${choice('status', 'Any status', statusFilters)} ${choice('zone', 'Any zone', facets.zones)} ${choice('version', 'Any version', facets.versions)} ${choice('tag', 'Any tag', facets.tags)}
      <input
        list="metadata"
        aria-label="Metadata: key or key=value"
        placeholder="Metadata key=value"
        autocomplete="off"
        spellcheck="false"
        class=${filters.metadata === '' ? '' : 'set'}
        .value=${filters.metadata}
        @input=${(event: Event) => change({ ...filters, metadata: valueOf(event) })}
      />
      <datalist id="metadata">${facets.metadata.map(value => html`<option value=${value}></option>`)}</datalist>
      <label class="toggle"><input type="checkbox" .checked=${filters.sick} @change=${(event: Event) => change({ ...filters, sick: (event.target as HTMLInputElement).checked })} />Only the sick</label>
      ${copier === undefined ? nothing : linkCopier(copier)}
    </div>
    ${set === 0 ? nothing : html`<p class="found"><span>${foundText(found, counts)} pass the filters. The numbers above and the time line show the whole fleet.</span> <button type="button" class="action" @click=${() => change(noFilters)}>Clear</button></p>`}
  </form>`
}
