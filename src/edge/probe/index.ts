export { httpProbe, type HttpProbeOptions } from './http.js'
export { tcpProbe, type TcpProbeOptions } from './tcp.js'
