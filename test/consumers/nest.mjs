// Rolls three instances of a Nest app under load, on the oldest and the newest Nest 11 and 12, as CommonJS and as ES modules, on Express and on Fastify.
import { buildSync } from 'esbuild'
import { file, install, newest, project, run, versionOf, works } from './tools.mjs'

// Its packages do not all have the same versions.
const versions = {
  '11.0.1': { fastify: '11.0.1', testing: '11.0.1' },
  '11.2.10': { fastify: '11.2.8', testing: '11.2.6' },
  '12.0.0': { fastify: '12.0.1', testing: '12.0.0' },
  '12.5.1': { fastify: '12.5.0', testing: '12.1.1' },
}

/** Each platform: rolled three times; and once while another module takes 2 s to bootstrap. */
const program = `
import { roll } from './roll.js'
const runs = platform => [
  { platform, place: 'below', rounds: 3, drain: 1_000, bootstrap: 0 },
  { platform, place: 'root', rounds: 1, drain: 1_000, bootstrap: 2_000 },
]
const rolled = platform => Promise.all(runs(platform).map(options => roll(options)))
rolled('express').then(async first => {
  const all = [...first, ...(await rolled('fastify'))]
  const lost = all.flatMap(({ lost }) => lost)
  const late = all.flatMap(({ passedOver }) => passedOver).filter(calls => calls > 12)
  const requests = all.reduce((sum, { requests }) => sum + requests, 0)
  if (lost.length > 0 || late.length > 0 || requests < 1_000) throw new Error(requests + ' requests, passed over ' + late + ' times, lost ' + lost.length + ':\\n' + lost.slice(0, 3).join('\\n'))
  console.log('works: ' + requests + ' requests, none lost')
})
`
const bundled = format =>
  buildSync({
    stdin: { contents: program, resolveDir: 'test/edge/nest' },
    // Without the paths of this project's tsconfig.json, so that the installed package is loaded.
    tsconfigRaw: '{}',
    ...{ bundle: true, packages: 'external', platform: 'node', target: 'node20', write: false, format },
  }).outputFiles[0].text

const app = `
import { Controller, Get, Module } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { firstValueFrom, type Observable } from 'rxjs'
import { known, type Balancer, type ServiceSet } from 'rx-discovery'
import { memoryRegistry } from 'rx-discovery/memory'
import { InjectBalancer, InjectServiceSet, REGISTRY, ServiceDiscoveryModule, ServiceRegistration } from 'rx-discovery/nest'

@Controller()
class Shop {
  constructor(
    @InjectServiceSet('orders') readonly orders$: Observable<ServiceSet>,
    @InjectBalancer('orders') readonly orders: Balancer,
    readonly registration: ServiceRegistration,
  ) {}
  @Get() find(): string {
    return 'found'
  }
}
@Module({
  imports: [ServiceDiscoveryModule.forRootAsync({ useFactory: () => ({ registration: { service: 'shop', drain: 0 } }) }), ServiceDiscoveryModule.forFeature(['orders'])],
  controllers: [Shop],
})
class AppModule {}

export const works = async (): Promise<string> => {
  const registry = memoryRegistry()
  registry.write('/rx-discovery/orders/a', '{"v":1,"address":"10.0.0.1:80"}')
  const testing = await Test.createTestingModule({ imports: [AppModule] }).overrideProvider(REGISTRY).useValue(registry).compile()
  const nest = testing.createNestApplication()
  await nest.listen(0, '127.0.0.1')
  const shop = nest.get(Shop)
  while (shop.registration.state?.status !== 'registered') await new Promise(resolve => setTimeout(resolve, 5))
  const found = [(await firstValueFrom(shop.orders$.pipe(known()))).size, (await firstValueFrom(shop.orders.select())).address, registry.keys().length]
  await nest.close()
  return JSON.stringify([...found, registry.leases().length])
}
`
// platform-fastify 11.0.1 names Nest 10 as its peer.
const lenient = ['--legacy-peer-deps']
const expected = '[1,"10.0.0.1:80",2,0]'
const compiler = { strict: true, target: 'es2022', module: 'nodenext', experimentalDecorators: true, emitDecoratorMetadata: true, skipLibCheck: true, types: ['node', 'jest'] }

/** What every run plays: most apps on Nest 11 are CommonJS, and the unit tests roll the newest Nest 12. */
export const usualNest = { version: '11.2.10', format: 'cjs' }

/** Rolls an app in each version and format, or in the one given. */
export const nestProjects = (tarball, only) => {
  for (const [version, { fastify, testing }] of Object.entries(versions)) {
    if (only !== undefined && version !== only.version) continue
    const folder = `nest-${version}`
    const nest = [`@nestjs/common@${version}`, `@nestjs/core@${version}`, `@nestjs/platform-express@${version}`, `@nestjs/platform-fastify@${fastify}`, `@nestjs/testing@${testing}`, 'reflect-metadata@0.2.2']
    install(folder, tarball, ...newest, ...nest, `typescript@${versionOf('typescript')}`, `@types/node@${versionOf('@types/node')}`, '@types/jest@30.0.0', 'jest@30.5.2', ...lenient)
    for (const [format, name] of [['cjs', 'CommonJS'], ['esm', 'ES modules']]) {
      if (only !== undefined && format !== only.format) continue
      const extension = format === 'cjs' ? 'cjs' : 'mjs'
      project(`Nest ${version}, ${name}, rolled on Express and Fastify`, () => {
        file(`${folder}/roll.${extension}`, bundled(format))
        works(run(folder, process.execPath, '--no-warnings', `roll.${extension}`))
      })
      project(`Nest ${version}, ${name}, TypeScript with decorators`, () => {
        const base = `${folder}/${format}`
        file(`${base}/package.json`, JSON.stringify({ type: format === 'cjs' ? 'commonjs' : 'module' }))
        file(`${base}/tsconfig.json`, JSON.stringify({ compilerOptions: compiler, include: ['*.ts'] }))
        file(`${base}/app.ts`, app)
        file(`${base}/main.ts`, `import { works } from './app.js'\nworks().then(text => console.log(text === '${expected}' ? 'works' : text))\n`)
        run(base, process.execPath, '../node_modules/typescript/bin/tsc', '-p', '.')
        works(run(base, process.execPath, '--no-warnings', 'main.js'))
      })
    }
    // Jest loads CommonJS, which Nest 12 is not.
    if (version.startsWith('11.'))
      project(`Nest ${version}, Jest in its default configuration`, () => {
        file(`${folder}/cjs/works.test.js`, `test('works', async () => expect(await require('./app.js').works()).toBe('${expected}'))\n`)
        run(`${folder}/cjs`, process.execPath, '../node_modules/jest/bin/jest.js', '--rootDir', '.', '--ci', '--testTimeout', '60000')
      })
  }
}
