import { freePort } from '../../test/etcd/provision-binary.js'
import { provideEtcd } from '../../test/etcd/provision.js'
import { onKeys, type Keys } from './on-keys.js'
import { services, webStage } from './stage.js'

// Environment: ETCD_ENDPOINTS, for a running etcd; PORT, that of the page; PAGE, the folder of a page that is built already.
const log = (line: string): void => console.log(line)

const cleanups: (() => Promise<void>)[] = []
let ending = false
const end = async (code = 0): Promise<void> => {
  // The second time, at once: all processes end with this one.
  if (ending) process.exit(1)
  ending = true
  log('ending; once more ends at once')
  for (const cleanup of cleanups.reverse()) await cleanup()
  process.exit(code)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end())

const pick = <A>(all: readonly A[]): A | undefined => all[Math.floor(Math.random() * all.length)]

const run = async (): Promise<void> => {
  const etcd = await provideEtcd({ log })
  cleanups.push(etcd.stop)
  const page = process.env['PAGE']
  if (page === undefined) log('building the page, which takes a few seconds')
  const stage = await webStage({ endpoints: etcd.endpoints, log, page })
  cleanups.push(stage.close)
  const port = Number(process.env['PORT']) || (await freePort())
  let gateway = await stage.gateway(port)
  log(`\nThe page is at ${gateway.url}\n`)

  const { kill, start } = etcd
  let isEtcdAway = false
  const keys: Keys = {
    a: {
      what: 'adds an instance',
      run: () => log(`${stage.add(pick(services) ?? 'stock').id} starts`),
    },
    k: {
      what: 'kills an instance, which leaves the page when its lease has expired, after about 5 s',
      run: async () => {
        const victim = pick(stage.instances())
        log(victim === undefined ? 'no instance is left' : `${victim.id} is killed`)
        await victim?.end('SIGKILL')
      },
    },
    g: {
      what: 'restarts the gateway',
      run: async () => {
        log('the gateway restarts')
        await gateway.end('SIGTERM')
        gateway = await stage.gateway(port)
        log(`the gateway serves ${gateway.url}`)
      },
    },
    ...(kill !== undefined &&
      start !== undefined && {
        e: {
          what: 'stops etcd, or starts it again',
          run: async () => {
            await (isEtcdAway ? start : kill)()
            isEtcdAway = !isEtcdAway
            log(isEtcdAway ? 'etcd is stopped' : 'etcd runs again')
          },
        },
      }),
  }
  onKeys(keys, { end: () => void end(), log })
}

await run().catch(async (error: unknown) => {
  if (ending) return
  log(error instanceof Error ? error.message : String(error))
  await end(1)
})
