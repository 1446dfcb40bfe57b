// The program of the consumers, in the forms that their projects need.
import { manifest } from './tools.mjs'

export const subpaths = Object.keys(manifest.exports).filter(subpath => !subpath.endsWith('.json') && !['./angular', './board', './containers', './nest'].includes(subpath)).map(subpath => manifest.name + subpath.slice(1))

/** Registers and discovers in memory, makes and closes a registry on etcd, and checks that both entry points share one copy of the code. */
const body = `
const registry = memoryRegistry()
const registration = register(registry, { service: 'web', id: 'node1', address: 'localhost:8000' }).subscribe()
let refusal
register(registry, { service: 'web', address: 'localhost' }).subscribe({ error: error => (refusal = error) })
if (!(refusal instanceof InvalidArgument)) throw new Error('two copies of the errors')
const found = new Promise(resolve => {
  const discovery = discover(registry, 'web').subscribe(set => set.size === 1 && queueMicrotask(() => {
    discovery.unsubscribe()
    registration.unsubscribe()
    resolve(set)
  }))
})
`
const names = `const { discover, InvalidArgument, register } = main`
export const onNode = `
const etcd = etcdRegistry({ hosts: 'http://127.0.0.1:1' })
etcd.close()
found.then(() => console.log('works'))
`
/** Refuses a wrong option, which needs no container engine, with the error of the other entry point. */
const containers = `
etcdContainer({ image: 3 }).then(() => { throw new Error('started') }, error => {
  if (!(error instanceof InvalidArgument)) throw error
  console.log('works')
})
`
export const containersProgram = {
  esm: `import { InvalidArgument } from 'rx-discovery'\nimport { etcdContainer } from 'rx-discovery/containers'\n${containers}`,
  cjs: `const { InvalidArgument } = require('rx-discovery')\nconst { etcdContainer } = require('rx-discovery/containers')\n${containers}`,
  jest: `const { InvalidArgument } = require('rx-discovery')\nconst { etcdContainer } = require('rx-discovery/containers')\ntest('works', () => expect(etcdContainer({ image: 3 })).rejects.toBeInstanceOf(InvalidArgument))\n`,
}
export const program = {
  esm: `import { discover, InvalidArgument, register } from 'rx-discovery'\nimport { etcdRegistry } from 'rx-discovery/etcd'\nimport { memoryRegistry } from 'rx-discovery/memory'\n${subpaths.map((subpath, i) => `import * as n${i} from '${subpath}'`).join('\n')}\n${body}${onNode}`,
  cjs: `const main = require('rx-discovery')\nconst { etcdRegistry } = require('rx-discovery/etcd')\nconst { memoryRegistry } = require('rx-discovery/memory')\n${names}\n${subpaths.map(subpath => `require('${subpath}')`).join('\n')}\n${body}${onNode}`,
  browser: `import { discover, InvalidArgument, register } from 'rx-discovery'\nimport { memoryRegistry } from 'rx-discovery/memory'\n${body}\nfound.then(() => console.log('works'))\n`,
  typed: `// Its types name nothing of testcontainers, which is not installed.\nimport type * as containers from 'rx-discovery/containers'\nexport type Containers = typeof containers\nimport { discover, InvalidArgument, register, type ServiceSet } from 'rx-discovery'\nimport { etcdRegistry } from 'rx-discovery/etcd'\nimport { memoryRegistry } from 'rx-discovery/memory'\n${subpaths.map((subpath, i) => `import * as n${i} from '${subpath}'\nexport const c${i}: typeof n${i} = n${i}`).join('\n')}\n${body.replace('new Promise', 'new Promise<ServiceSet>').replace('let refusal', 'let refusal: unknown').replace('error => (', '(error: unknown) => (')}${onNode}`,
}
