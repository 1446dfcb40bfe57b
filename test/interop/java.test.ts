import { dictionary, string } from 'fast-check'
import { describe } from 'vitest'
import { javaStacks } from './java-stacks.js'
import { bothDirections } from './stack.js'

const java = await javaStacks()

describe.skipIf(java === undefined)('the code of Dubbo for Java', () => {
  const command = java ?? []
  bothDirections('dubbo-registry-etcd3', {
    writer: command,
    // The order of other keys is not defined.
    metadata: dictionary(string(), string({ unit: 'binary' })),
    followers: {
      'EtcdServiceDiscovery': {
        command,
        sees: (serviceName, { id, address, metadata }) => {
          const [host, port] = address.split(':')
          return { id, serviceName, host, port: Number(port), enabled: true, healthy: true, metadata }
        },
        missesUpdates: true,
      },
    },
  })
})
