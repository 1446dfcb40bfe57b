import { filter, type MonoTypeOperatorFunction } from 'rxjs'
import type { ServiceSet } from '../../core/sets/service-set.js'

/**
 * Skips pending sets, so that `firstValueFrom` waits for the first one that has been read from etcd.
 *
 * @example await firstValueFrom(discover(registry, 'web').pipe(known()))
 */
export const known = <M>(): MonoTypeOperatorFunction<ServiceSet<M>> => filter(({ status }) => status !== 'pending')
