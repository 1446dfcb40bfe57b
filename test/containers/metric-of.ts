import type { EtcdContainer } from 'rx-discovery/containers'

/** The value of a metric of etcd; NaN if it has none of this name. */
export const metricOf = async ({ hosts: [host = ''] }: EtcdContainer, name: string): Promise<number> => {
  const metrics = await (await fetch(`${host}/metrics`)).text()
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(metrics)?.[1])
}
