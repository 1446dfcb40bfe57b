import { readFileSync } from 'node:fs'
import type { Sample } from './telemetry.js'

interface Panel {
  readonly targets?: readonly { readonly expr: string }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
}

/** All queries of the dashboard in docs. */
export const queries = (): readonly string[] => {
  const { panels, templating } = JSON.parse(readFileSync('docs/grafana.json', 'utf8')) as Dashboard
  return [...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)), ...templating.list.flatMap(({ definition = [] }) => definition)]
}

/** The metrics of the library in a query, as patterns of their names. */
export const metricsIn = (query: string): readonly string[] => [
  ...Array.from(query.matchAll(/\brx_discovery_\w+(?=[{,[])/g), ([name]) => name).filter(name => !labelsIn(query).includes(name)),
  ...Array.from(query.matchAll(/__name__=~"([^"]*)"/g), ([, pattern = '']) => pattern),
]

/** Whether a sample is one of a metric. */
export const isOf = (metric: string, { name }: Sample): boolean => new RegExp(`^(?:${metric})$`).test(name)

/** Labels are in the lists of `by`, in braces, or the second argument of `label_values`. */
const labelsIn = (query: string): readonly string[] => [
  ...Array.from(query.matchAll(/\bby \(([^)]*)\)/g), ([, list = '']) => list.split(/, */)).flat(),
  ...Array.from(query.matchAll(/[{,] *(\w+)(?:=|!=)/g), ([, label = '']) => label),
  ...Array.from(query.matchAll(/label_values\(\w+, *(\w+)\)/g), ([, label = '']) => label),
]

/** The metrics and the labels in a query that no sample has. */
export const missing = (query: string, samples: readonly Sample[]): readonly string[] => {
  const metrics = metricsIn(query)
  const known = new Set(samples.filter(sample => metrics.some(metric => isOf(metric, sample))).flatMap(({ labels }) => ['__name__', ...Object.keys(labels)]))
  return [...metrics.filter(metric => !samples.some(sample => isOf(metric, sample))), ...labelsIn(query).filter(label => !known.has(label))]
}
