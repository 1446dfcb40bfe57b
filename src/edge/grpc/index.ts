export { grpcProbe, type GrpcProbeOptions } from './probe.js'
