import type { EtcdServer } from '../../etcd/server.js'
import type { Row } from '../row.js'
import type { Stage } from '../stage.js'

const group = 'one node'

const etcd = ({ members: [first] }: Stage): EtcdServer => {
  if (first === undefined) throw new Error('no etcd')
  return first
}

const states = (name: string, seen: readonly string[], ...allowed: readonly RegExp[]): readonly string[] => {
  const strange = seen.filter(word => !allowed.some(known => known.test(word)))
  return strange.length === 0 ? [] : [`${name} said ${strange.join()}`]
}

/** What can happen to a single etcd. */
export const oneNode: readonly Row[] = [
  {
    group,
    name: 'kill -9, restarted at once',
    times: 30,
    strike: stage => etcd(stage).kill(),
    lift: stage => etcd(stage).start(),
    judge: ({ ours }) => states('registration', ours.registration, /^registered$/),
  },
  {
    group,
    name: 'SIGTERM, back after 2 s',
    core: true,
    strike: stage => etcd(stage).terminate(),
    last: 2_000,
    lift: stage => etcd(stage).start(),
    judge: ({ ours }) => states('registration', ours.registration, /^registered$/),
  },
  {
    group,
    name: 'away for longer than the TTL',
    core: true,
    strike: stage => etcd(stage).kill(),
    last: 8_000,
    lift: stage => etcd(stage).start(),
  },
  {
    group,
    name: 'SIGSTOP for less than the TTL',
    strike: stage => etcd(stage).freeze(),
    last: 3_000,
    lift: stage => etcd(stage).thaw(),
    judge: ({ ours }) => states('registration', ours.registration, /^registered$/),
  },
  {
    group,
    name: 'SIGSTOP for longer than the TTL',
    core: true,
    strike: stage => etcd(stage).freeze(),
    last: 9_000,
    lift: stage => etcd(stage).thaw(),
  },
  {
    group,
    name: 'disk wiped, restarted with the same flags',
    core: true,
    strike: stage => stage.replaceHistory(etcd(stage).wipe),
  },
]
