import { Module } from '@nestjs/common'
import type { Observable } from 'rxjs'
import type { ServiceInstance, ServiceInstanceInput, ServiceSet } from 'rx-discovery'
import { getServiceSetToken, ServiceDiscoveryModule, sseController } from 'rx-discovery/nest'
import { InstanceDirectory } from './instance-directory.js'
import { InstancesController } from './instances.controller.js'
import { OrdersController } from './orders.controller.js'

/** The services that browsers may call. */
const reachable = ['orders', 'users', 'stock']

/** What a page may know of an instance. Its address stays here, since a browser reaches it through this gateway. */
const visible = ({ service, id, status, version, zone, incarnation }: ServiceInstance): ServiceInstanceInput => ({ service, id, status, version, zone, incarnation, address: 'gateway:443' })

@Module({
  imports: [ServiceDiscoveryModule.forRoot({ registration: { service: 'gateway' } }), ServiceDiscoveryModule.forFeature(reachable)],
  controllers: [sseController({ services: ['gateway', ...reachable], project: visible }), InstancesController, OrdersController],
  providers: [
    {
      provide: InstanceDirectory,
      inject: reachable.map(service => getServiceSetToken(service)),
      useFactory: (...sets: Observable<ServiceSet>[]) => new InstanceDirectory(sets),
    },
  ],
})
export class GatewayModule {}
