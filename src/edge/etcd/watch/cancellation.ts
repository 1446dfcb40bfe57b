import { Compacted, Disconnected } from '../../../core/errors.js'
import { translate } from '../connection/etcd-errors.js'
import type { WatchResponse } from '../wire/messages.js'

/** Why etcd, or a proxy, has cancelled a watch. */
export const cancellation = (host: string, { compacted, reason }: WatchResponse): Error =>
  compacted > 0
    ? new Compacted(compacted)
    : (translate(host, { code: 0, details: reason }) ?? new Disconnected(`${host} cancelled the watch: ${reason || 'it gave no reason'}`, { host }))
