import type { SubchannelRef } from '@grpc/grpc-js/build/src/channelz.js'
import { ConnectivityState } from '@grpc/grpc-js/build/src/connectivity-state.js'
import { statusOrFromValue } from '@grpc/grpc-js/build/src/call-interface.js'
import type { ChannelControlHelper } from '@grpc/grpc-js/build/src/load-balancer.js'
import { RoundRobinLoadBalancer, setup } from '@grpc/grpc-js/build/src/load-balancer-round-robin.js'
import { selectLbConfigFromList } from '@grpc/grpc-js/build/src/load-balancer.js'
import type { Picker } from '@grpc/grpc-js/build/src/picker.js'
import type { SubchannelAddress } from '@grpc/grpc-js/build/src/subchannel-address.js'
import type { SubchannelInterface } from '@grpc/grpc-js/build/src/subchannel-interface.js'

const nothing = (): undefined => undefined

/** A subchannel that always reports to be connected. */
const connected = (address: SubchannelAddress): SubchannelInterface => {
  const subchannel: Partial<SubchannelInterface> = {
    getConnectivityState: () => ConnectivityState.READY,
    getAddress: () => ('host' in address ? `${address.host}:${address.port}` : ''),
    isHealthy: () => true,
    realSubchannelEquals: other => (other as unknown) === subchannel,
    startConnecting: nothing, ref: nothing, unref: nothing, throttleKeepalive: nothing, addHealthStateWatcher: nothing, removeHealthStateWatcher: nothing,
    addConnectivityStateListener: nothing, removeConnectivityStateListener: nothing,
    getChannelzRef: () => ({ kind: 'subchannel', id: 1, name: '' }) as unknown as SubchannelRef,
  }
  return subchannel as SubchannelInterface
}

/** The round robin of grpc-js over `size` connected servers: a pick, and an update of its address list. */
export const grpcRoundRobin = (size: number): { readonly pick: () => unknown; readonly update: (turn: number) => void } => {
  setup()
  let picker: Picker | undefined
  const helper: ChannelControlHelper = {
    createSubchannel: connected,
    updateState: (_, next) => (picker = next),
    requestReresolution: nothing, addChannelzChild: nothing, removeChannelzChild: nothing,
  }
  const config = selectLbConfigFromList([{ round_robin: {} }])
  if (config === null) throw new Error('grpc-js has no round robin')
  const balancer = new RoundRobinLoadBalancer(helper)
  const endpoints = Array.from({ length: size }, (_, at) => ({ addresses: [{ host: `10.0.${at >> 8}.${at & 255}`, port: 80 }] }))
  const update = (turn: number): void => {
    endpoints[size >> 1] = { addresses: [{ host: '10.9.9.9', port: 80 + (turn % 2) }] }
    balancer.updateAddressList(statusOrFromValue(endpoints), config, {}, '')
  }
  update(0)
  const args = { metadata: undefined as never, extraPickInfo: {} }
  return { update, pick: () => picker?.pick(args) }
}
