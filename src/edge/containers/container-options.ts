import { duration, text, type Checks } from '../../core/arguments.js'
import { listOf } from '../../core/validation.js'

/** The official image, at a version that this library is tested with. */
export const defaultImage = 'gcr.io/etcd-development/etcd:v3.6.16'

/** Options of `etcdContainer`. */
export interface EtcdContainerOptions {
  /** An image with `etcd` on its PATH. @default 'gcr.io/etcd-development/etcd:v3.6.16' */
  readonly image?: string | undefined
  /** Further flags of etcd, such as `['--quota-backend-bytes=16777216']`. @default none */
  readonly flags?: readonly string[] | undefined
  /** How long (ms) etcd may take until it answers, at its start and whenever it is started again. The download of the image does not count. @default 60000 */
  readonly startWithin?: number | undefined
}

/** The checks of these options. */
export const containerChecks: Checks<EtcdContainerOptions> = {
  image: text,
  flags: listOf(text, "a list of flags, such as ['--quota-backend-bytes=16777216']"),
  startWithin: duration,
}
