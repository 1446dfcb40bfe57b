// Compares the public types of each subpath with the reports in this folder: `npm run api`, after `npm run build`. `npm run api -- --update` writes them.
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const written = join(root, 'node_modules/.cache/api')
const isUpdate = process.argv.includes('--update')
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The declarations of an entry of `exports`, as an ES module. */
const typesOf = target => target.types ?? target.import.types

const entries = Object.entries(exports)
  .filter(([, target]) => typeof target !== 'string')
  .map(([subpath, target]) => ({ report: `${subpath === '.' ? 'index' : subpath.slice(2)}.api.md`, types: join(root, typesOf(target)) }))

const configOf = ({ report, types }) =>
  ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      compiler: {
        overrideTsconfig: {
          compilerOptions: { target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'], module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true, types: ['node'], noEmit: true },
          files: entries.map(({ types }) => types),
        },
      },
      // Types that have no public name of their own are in the report, too: a change of an option is one for users wherever its type lies.
      apiReport: { enabled: true, reportFileName: report, reportFolder: import.meta.dirname, reportTempFolder: written, includeForgottenExports: true },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  })

const absent = entries.filter(({ types }) => !existsSync(types))
if (absent.length > 0) throw new Error(`no declarations at ${absent.map(({ types }) => types).join(', ')} (run npm run build)`)

rmSync(written, { recursive: true, force: true })
mkdirSync(written, { recursive: true })
const configs = entries.map(configOf)
// One program for all subpaths: reading the declarations of the libraries takes most of the time.
const compilerState = CompilerState.create(configs[0], { additionalEntryPoints: entries.map(({ types }) => types) })
const outcomes = configs.map((config, i) => ({
  ...entries[i],
  ...Extractor.invoke(config, { localBuild: isUpdate, compilerState, messageCallback: message => { message.handled = message.logLevel !== 'error' } }),
}))

for (const { report, types, errorCount, apiReportChanged } of outcomes) {
  if (errorCount > 0) console.error(`${types} has errors`)
  if (apiReportChanged && isUpdate) console.log(`wrote test/api/${report}`)
  if (apiReportChanged && !isUpdate) spawnSync('git', ['diff', '--no-index', '--no-color', join(import.meta.dirname, report), join(written, report)], { stdio: 'inherit' })
}
const orphans = readdirSync(import.meta.dirname).filter(file => file.endsWith('.api.md') && !entries.some(({ report }) => report === file))
if (orphans.length > 0) console.error(`no subpath belongs to ${orphans.join(', ')} in test/api (remove it)`)

const isChanged = !isUpdate && outcomes.some(({ apiReportChanged }) => apiReportChanged)
if (isChanged) console.error('the public types changed: if that is intended, run npm run api -- --update and commit test/api')
process.exitCode = isChanged || orphans.length > 0 || outcomes.some(({ errorCount }) => errorCount > 0) ? 1 : 0
