import { join } from 'node:path'
import { Command } from 'commander'
import { concatMap, defer, from, map, of, race, toArray, type Observable } from 'rxjs'
import { serviceName } from '../../core/instance/names.js'
import { invalidIf, throwIfInvalid } from '../../core/validation.js'
import type { Scope } from '../../core/view/projection.js'
import type { Registry } from '../../flow/registry.js'
import { counted } from './counted.js'
import { diagnosis } from './doctor/diagnosis.js'
import type { EndpointReport } from './doctor/examine-endpoint.js'
import { examinePrefix, type PrefixReport } from './doctor/examine-prefix.js'
import type { Finding, Grade } from './doctor/finding.js'
import { githubAnchor } from './doctor/github-anchor.js'
import { exitCodeOf, type Host } from './host.js'
import { printable, printableJson } from './output.js'
import { requireRoot } from './require-root.js'
import { settingsOf, type SharedOptions } from './settings.js'
import { withRegistry } from './with-registry.js'

const summary = (findings: readonly Finding[]): string => {
  const count = (grade: Grade): number => findings.filter(({ status }) => status === grade).length
  const [warnings, failures] = [count('warn'), count('fail')]
  if (warnings + failures === 0) return 'all is well'
  return [failures > 0 && counted(failures, 'failure'), warnings > 0 && counted(warnings, 'warning')].filter(Boolean).join(', ')
}

const textOf = (findings: readonly Finding[], { folder }: Pick<Host, 'folder'>): string => {
  const widest = Math.max(...findings.map(({ category }) => category.length))
  const line = (word: string, category: string, text: string): string => `${word.padEnd(4)}  ${category.padEnd(widest)}  ${text}`
  const pages = new Map(findings.filter(({ status }) => status !== 'ok').map(({ category, see }) => [category, see]))
  const places = [...pages].map(([category, { file, heading }]) => line('see', category, `${join(folder, file)}, "${heading}"`))
  return [...findings.map(({ category, status, text }) => line(status, category, text)), ...places, summary(findings)].map(each => `${printable(each)}\n`).join('')
}

const jsonOf = (findings: readonly Finding[], { folder }: Pick<Host, 'folder'>): string =>
  `${printableJson({ findings: findings.map(({ see: { file, heading }, ...rest }) => ({ ...rest, see: `${file}#${githubAnchor(heading)}`, file: join(folder, file) })) })}\n`

/** `doctor [service...]`: checks etcd and what is in it, and exits with 1 if something fails. */
export const doctorCommand = (host: Host, exit: (code: number) => void): Command =>
  new Command('doctor')
    .description('check the endpoints, the cluster, your permissions and the leases; exits with 1 if something fails')
    .argument('[service...]', 'check the prefixes of these services only; required for --format plain, grpcNaming and goZero without --prefix')
    .action(async (services: readonly string[], _: unknown, command: Command) => {
      const settings = settingsOf(command.optsWithGlobals<SharedOptions>(), host)
      for (const service of services) throwIfInvalid(invalidIf('service', serviceName, service))
      const { format, connection, json } = settings
      const places: readonly (readonly [prefix: string, scope: Scope])[] =
        services.length === 0 ? [[requireRoot(format), {}]] : [...new Set(services)].map(service => [format.prefix(service), { service }])
      const prefixesOf = (registry: Registry, reports: readonly EndpointReport[]): Observable<readonly PrefixReport[]> =>
        reports.some(({ reads }) => reads.length > 0)
          ? from(places).pipe(concatMap(([prefix, scope]) => examinePrefix(registry, format, prefix, scope)), toArray())
          : of([])
      const examined = (registry: Registry): Observable<number> =>
        // eslint-disable-next-line no-restricted-syntax -- etcd3 is an optional peer, and only this command asks it for more than a registry does
        defer(() => import('./doctor/examine-endpoint.js')).pipe(
          concatMap(({ examineEndpoints }) => examineEndpoints(connection)),
          concatMap(reports => prefixesOf(registry, reports).pipe(map(prefixes => ({ reports, findings: diagnosis(reports, prefixes) })))),
          map(({ findings }) => {
            host.print(json ? jsonOf(findings, host) : textOf(findings, host))
            return findings.some(({ status }) => status === 'fail') ? 1 : 0
          }),
        )
      exit(await withRegistry(host, settings, (registry, stop) => race(examined(registry), stop.pipe(map(exitCodeOf)))))
    })
