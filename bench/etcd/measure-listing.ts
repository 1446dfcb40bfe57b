import { bound, compare } from '../ratios.js'
import { mebibytes, median, milliseconds, table } from '../results-table.js'
import { goBench } from './go-bench.js'
import { started, startedGo, withCandidates, type Candidate, type Used } from './candidate.js'
import { endpointOf, fill, world } from './world.js'

interface Listed {
  readonly ms: number
  readonly cpu: number
  readonly stall: number
  readonly size: number
}

const sizes = [10, 1_000, 10_000, 100_000]
const rounds = 7

const column = (listings: readonly Listed[], of: keyof Listed): readonly number[] => listings.map(listed => listed[of])

const measured = (size: number, candidates: readonly Candidate[]): Promise<void> =>
  withCandidates(candidates, async () => {
    const before = await Promise.all(candidates.map(({ ask }) => ask<Used>({ do: 'used' })))
    const listings = candidates.map((): Listed[] => [])
    for (let round = 0; round < rounds; round++)
      for (const [at, { name, ask }] of candidates.entries()) {
        const listed = await ask<Listed>({ do: 'list' })
        if (listed.size !== size) throw new Error(`${name} listed ${listed.size} of ${size} instances`)
        listings[at]?.push(listed)
      }
    const after = await Promise.all(candidates.map(({ ask }) => ask<Used>({ do: 'used' })))
    const cells = candidates.map(({ name }, at) => {
      const [cold, ...warm] = listings[at] ?? []
      const middle = (of: keyof Listed): string => milliseconds(median(column(warm, of)))
      const grown = (of: 'heap' | 'rss'): string => mebibytes((after[at]?.[of] ?? NaN) - (before[at]?.[of] ?? NaN))
      return [name, milliseconds(cold?.ms ?? NaN), middle('ms'), middle('cpu'), name.startsWith('Go') ? '' : milliseconds(Math.max(...column(warm, 'stall'))), grown('heap'), grown('rss')]
    })
    table(`The first set of ${size.toLocaleString('en')}`, [['', 'first time', 'median', 'CPU', 'longest stall', 'heap', 'RSS'], ...cells])
    const [ours = [], ...others] = listings.map(all => all.slice(1))
    for (const [at, theirs] of others.entries()) {
      const { name = '' } = candidates[at + 1] ?? {}
      compare({
        what: `first set of ${size.toLocaleString('en')}`, ours: column(ours, 'ms'), theirs: column(theirs, 'ms'), unit: milliseconds,
        beside: { etcd3: 'etcd3, parsed into a Map', Go: 'Go, not parsed', 'Go, parsed': 'Go, parsed' }[name] ?? name,
        ...(name === 'etcd3' || name === 'Go, parsed' ? { goal: { most: 1 } } : {}),
      })
    }
    bound({ what: `longest stall, first set of ${size.toLocaleString('en')}`, measured: [Math.max(...column(ours, 'stall'))], unit: milliseconds, most: 30 })
  })

/** The time to the first set of a service, by its size. */
export const measureListing = (): Promise<void> =>
  world(async ({ endpoint }, client) => {
    const go = await goBench()
    for (const size of sizes) {
      const service = `list${size}`
      await fill(client, service, size)
      const args = [endpoint, service] as const
      // naming/endpoints reads no other format than its own.
      const endpoints = `${service}-endpoints`
      await fill(client, endpoints, size, endpointOf)
      const gos =
        go === undefined
          ? []
          : [
              startedGo(go, 'list', ...args, 'plain'),
              { ...startedGo(go, 'list', ...args, 'parsed'), name: 'Go, parsed' },
              { ...startedGo(go, 'list', endpoint, endpoints, 'endpoints'), name: 'Go, naming/endpoints' },
            ]
      await measured(size, [started('listing', 'rx-discovery', ...args), started('listing', 'etcd3', ...args), ...gos])
    }
  })
