export { httpProbe, type HttpProbeOptions } from './http-probe.js'
export { tcpProbe, type TcpProbeOptions } from './tcp-probe.js'
