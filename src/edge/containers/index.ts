export type { EtcdContainer } from './container.js'
export type { EtcdContainerOptions } from './container-options.js'
export { etcdCluster, type EtcdCluster, type EtcdClusterOptions } from './etcd-cluster.js'
export { etcdContainer } from './etcd-container.js'
