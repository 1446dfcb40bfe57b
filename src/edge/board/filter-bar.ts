import { html, nothing, type TemplateResult } from 'lit'
import { isFiltered, noFilters, type Facets, type Filters } from './filters.js'
import { rowStates } from './service-rows.js'

/** What the filters show. */
export interface FilterBarState {
  readonly filters: Filters
  readonly facets: Facets
  /** How many instances pass, of how many. */
  readonly found: number
  readonly all: number
  readonly change: (filters: Filters) => void
}

/** The filters. */
export const filterBar = ({ filters, facets, found, all, change }: FilterBarState): TemplateResult => {
  const choice = (name: 'zone' | 'version' | 'tag' | 'status', any: string, values: readonly string[]): TemplateResult => {
    const current = filters[name]
    const options = current === '' || values.includes(current) ? values : [current, ...values]
    return html`<select
      aria-label=${name}
      class=${current === '' ? '' : 'set'}
      .value=${current}
      @change=${(event: Event) => change({ ...filters, [name]: (event.target as HTMLSelectElement).value })}
    >
      <option value="" ?selected=${current === ''}>${any}</option>
      ${options.map(value => html`<option value=${value} ?selected=${value === current}>${value}</option>`)}
    </select>`
  }
  return html`<form class="filters" role="search" aria-label="Filters" @submit=${(event: Event) => event.preventDefault()}>
    <input
      type="search"
      aria-label="Text in any field"
      placeholder="Filter by text in any field  ( / )"
      .value=${filters.text}
      @input=${(event: Event) => change({ ...filters, text: (event.target as HTMLInputElement).value })}
    />
    ${choice('status', 'Any status', rowStates)} ${choice('zone', 'Any zone', facets.zones)} ${choice('version', 'Any version', facets.versions)} ${choice('tag', 'Any tag', facets.tags)}
    <label class="toggle"><input type="checkbox" .checked=${filters.sick} @change=${(event: Event) => change({ ...filters, sick: (event.target as HTMLInputElement).checked })} />Only the sick</label>
    ${isFiltered(filters) ? html`<button type="button" class="action" @click=${() => change(noFilters)}>Clear</button>` : nothing}
    <span class="found">${isFiltered(filters) ? `${found} of ${all} instances` : nothing}</span>
  </form>`
}
