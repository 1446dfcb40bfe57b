import { setTimeout as sleep } from 'node:timers/promises'
import { replaceMembers, type Around } from '../../etcd/replace-members.js'
import { etcdCluster } from '../../etcd/server.js'
import { arranged } from '../arranged.js'
import { keepsItsLease, undisturbed } from '../checks.js'
import type { Stage } from '../on-stage.js'
import type { Row } from '../row.js'
import { until } from '../until.js'

const group = 'members that change'

/** Each change of the hosts is a command to our subject. A member is removed when our subject has closed its connection to it. */
const listing = ({ ours: { subject, proxies }, members, joined }: Stage): Around => {
  let hosts = proxies.map(({ endpoint }) => endpoint)
  const list = (next: readonly string[]): void => {
    hosts = [...next]
    subject.send(`hosts ${hosts.join()}`)
  }
  return {
    added: async member => {
      joined(member)
      list([...hosts, member.endpoint])
    },
    removing: async member => {
      list(hosts.slice(1))
      await until(() => proxies[members.indexOf(member)]?.connections() === 0 || undefined, 30_000, 50)
    },
  }
}

/** Clusters of three members, all of which are replaced. */
export const membersThatChange: readonly Row[] = [
  arranged(etcdCluster, cluster => ({
    group,
    name: 'three members replaced by three others, hosts from an Observable',
    setting: { assignment: { listed: true } },
    strike: stage => replaceMembers(cluster(), listing(stage)),
    meanwhile: true,
    judge: undisturbed,
  })),
  arranged(etcdCluster, cluster => ({
    group,
    name: 'three members replaced by three others, autoSync each second',
    setting: { assignment: { autoSync: 1_000 } },
    strike: ({ joined }) => replaceMembers(cluster(), {
      added: async member => {
        joined(member)
        await sleep(1_500)
      },
      removing: async () => undefined,
    }),
    meanwhile: true,
    detected: 60_000,
    judge: keepsItsLease,
  })),
]
