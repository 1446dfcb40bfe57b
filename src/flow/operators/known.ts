import { filter, type MonoTypeOperatorFunction } from 'rxjs'
import type { ServiceSet } from '../../core/sets/service-set.js'

/** Skips the sets that are still pending, so that `firstValueFrom` waits for what is known. */
export const known = <M>(): MonoTypeOperatorFunction<ServiceSet<M>> => filter(({ status }) => status !== 'pending')
