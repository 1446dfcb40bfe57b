export { grpcProbe, type GrpcProbeOptions } from './grpc-probe.js'
