import type { Signal } from '@angular/core'
import { toObservable, toSignal } from '@angular/core/rxjs-interop'
import { map, merge, scan } from 'rxjs'
import { changes, type InstanceChange, type ServiceSet } from 'rx-discovery'

/** A change, and when the page saw it, epoch ms. */
export type Entry = InstanceChange & { readonly at: number }

/** The latest changes of all sets, the newest first. */
export const injectJournal = (sets: readonly Signal<ServiceSet>[], length = 12): Signal<readonly Entry[]> =>
  toSignal(
    merge(...sets.map(set => toObservable(set).pipe(changes()))).pipe(
      map(all => all.map((change): Entry => ({ ...change, at: Date.now() })).reverse()),
      scan((former, entries) => [...entries, ...former].slice(0, length), [] as readonly Entry[]),
    ),
    { initialValue: [] },
  )
