import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { countStates, rowStates, type RowState } from './row-state.js'
import type { InstanceRow, ServiceRows } from './service-rows.js'

/** Each state has a shape of its own, so that nothing depends on colours: 10 by 10, after a `moveto`. */
const shapes: Readonly<Record<RowState, string>> = {
  up: 'h10v10h-10z',
  starting: 'h10v10h-10zm1.6 1.6v4h6.8v-4z',
  draining: 'h10l-10 10z',
  down: 'h10v10h-10zm2 3.2l1.2-1.2 1.8 1.8 1.8-1.8 1.2 1.2-1.8 1.8 1.8 1.8-1.2 1.2-1.8-1.8-1.8 1.8-1.2-1.2 1.8-1.8z',
  gone: 'm1 1h8v8h-8z',
}

/** The shape of a state. */
export const stateShape = (state: RowState): TemplateResult => html`<svg viewBox="0 0 10 10" aria-hidden="true"><path fill-rule="evenodd" d="M0 0${shapes[state]}" /></svg>`

/** A state as a shape and a word. */
export const stateSign = (state: RowState): TemplateResult => html`<span class="state ${state}">${stateShape(state)}${state}</span>`

/** A sentence of counts, the worst first: `2 down, 28 up`. */
const countsText = (rows: readonly InstanceRow[]): string => {
  const counts = countStates(rows)
  return rowStates.filter(state => counts[state] > 0).map(state => `${counts[state]} ${state}`).join(', ')
}

/** How many squares are in a line, and the distance from one to the next: many are smaller. */
const layoutOf = (count: number): readonly [perLine: number, step: number] => (count <= 48 ? [16, 16.5] : count <= 256 ? [32, 8.25] : [64, 4.125])

const drawn = ({ rows }: ServiceRows): TemplateResult => {
  const [perLine, step] = layoutOf(rows.length)
  const paths: Partial<Record<RowState, string>> = {}
  const scale = step / 13
  rows.forEach(({ state }, at) => {
    paths[state] = `${paths[state] ?? ''}M${(at % perLine) * 13} ${Math.floor(at / perLine) * 13}${shapes[state]}`
  })
  const [width, height] = [perLine * step, Math.ceil(rows.length / perLine) * step]
  const all = rowStates.flatMap((state): readonly SVGTemplateResult[] => {
    const path = paths[state]
    return path === undefined ? [] : [svg`<path class=${state} fill-rule="evenodd" d=${path} />`]
  })
  return html`<svg class="squares" role="img" aria-label=${countsText(rows)} width=${width} height=${height} viewBox="0 0 ${width / scale} ${height / scale}">${all}</svg>`
}

/** All instances of a service, one square each, by id. */
export const stateSquares = (service: ServiceRows): unknown => guard([service.rows], () => drawn(service))
