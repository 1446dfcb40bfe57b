/** A token is the same in the CommonJS copy and in the ES module copy of this file. Nest prints it if nothing provides it, so it shows the call that makes it. */
const token = (call: string, ...names: readonly (string | undefined)[]): symbol =>
  Symbol.for(`rx-discovery/nest ${call}(${names.filter(name => name !== undefined).map(name => JSON.stringify(name)).join(', ')})`)

/** The token of the registry that `ServiceDiscoveryModule.forRoot` provides: a `Registry`. @param name That of the registry; none: the only one, or the first */
export const getRegistryToken = (name?: string): symbol => token('getRegistryToken', name)

/** The token of the registry without a name, for `overrideProvider(REGISTRY).useValue(memoryRegistry())` in tests. */
export const REGISTRY: symbol = getRegistryToken()

/** The token of the `ServiceRegistration` of this process in the registry `name`. Without a name, the class `ServiceRegistration` is a token, too. */
export const getRegistrationToken = (name?: string): symbol => token('getRegistrationToken', name)

/** The token of the sets of a service that `forFeature` provides: an `Observable<ServiceSet>`. */
export const getServiceSetToken = (service: string, name?: string): symbol => token('getServiceSetToken', service, name)

/** The token of the balancer of a service that `forFeature` provides: a `Balancer`. */
export const getBalancerToken = (service: string, name?: string): symbol => token('getBalancerToken', service, name)

/** The token of the `ServiceDiscoveryIndicator` of a registry. Without a name, the class `ServiceDiscoveryIndicator` is a token, too. */
export const getIndicatorToken = (name?: string): symbol => token('getIndicatorToken', name)

/** The token of what the services of `forFeature` are made from. */
export const getDiscoveredServicesToken = (name?: string): symbol => token('getDiscoveredServicesToken', name)
