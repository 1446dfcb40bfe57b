import type { NetworkInterfaceInfo } from 'node:os'

/** Whether an IP address leads to the machine itself. */
export const isLoopback = (ip: string): boolean => /^(?:::ffff:)?127\.|^::1$/.test(ip)

/** Networks inside one machine: those of Docker on its host, and of libvirt. */
const bridge = /^(?:docker0$|br-|virbr)/

/** Why other machines cannot reach an IP address of this one, if so; `interfaces` as `os.networkInterfaces()` returns them. */
export const reachProblem = (ip: string, interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>): string | undefined => {
  if (isLoopback(ip)) return 'leads to the machine itself'
  if (/^fe[89ab]/i.test(ip)) return 'is a link-local address, which is valid on one link only'
  const [name] = Object.entries(interfaces).find(([, addresses = []]) => addresses.some(({ address }) => address === ip)) ?? []
  return name !== undefined && bridge.test(name) ? `belongs to ${name}, a network inside this machine` : undefined
}
