export { grpcHealth, type GrpcHealthOptions, type HealthHandlers, type HealthService } from './grpc-health.js'
export { grpcProbe, type GrpcProbeOptions } from './grpc-probe.js'
export { registerLoadBalancer, type GrpcBalancerConfig, type GrpcLeastRequestConfig, type GrpcPeakEwmaConfig } from './register-load-balancer.js'
export { registerResolver, type ResolverOptions } from './register-resolver.js'
