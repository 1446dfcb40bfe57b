import { HttpClient } from '@angular/common/http'
import { Component, computed, DestroyRef, inject, signal } from '@angular/core'
import { takeUntilDestroyed, toSignal } from '@angular/core/rxjs-interop'
import { catchError, EMPTY, map, mergeMap, of, range } from 'rxjs'
import { injectBalancer, injectServiceSet } from 'rx-discovery/angular'

interface Levels {
  /** The instance that answered. */
  readonly by: string
}

/** Calls instances of `stock`: the page's own balancer chooses one for each request, and another one if it fails. */
@Component({
  selector: 'app-stock-calls',
  template: `
    <header>
      <h2>Calls to stock</h2>
      <button type="button" (click)="call(1)">1 call</button>
      <button type="button" (click)="call(50)">50 calls</button>
    </header>
    <ul>
      @for (row of rows(); track row.id) {
        <li [attr.data-calls]="row.id">
          <span class="id">{{ row.id }}</span>
          <meter min="0" [max]="most()" [value]="row.answers" [attr.aria-label]="'answers of ' + row.id"></meter>
          <span class="number">{{ row.answers }}</span>
          <span class="hint">{{ row.latency }}</span>
        </li>
      } @empty {
        <li class="hint">no instances</li>
      }
    </ul>
    <p class="hint">{{ failed() }} failed</p>
  `,
  styles: `
    ul {
      display: grid;
      gap: 0.25rem;
      margin-bottom: 0.5rem;
    }
    li:has(meter) {
      display: grid;
      grid-template-columns: minmax(4rem, auto) 1fr 3rem 4rem;
      align-items: center;
      gap: 0.5rem;
    }
    meter {
      width: 100%;
      height: 0.75rem;
    }
    .number,
    li .hint {
      text-align: end;
      font-variant-numeric: tabular-nums;
    }
    li.hint {
      text-align: start;
    }
  `,
})
export class StockCalls {
  readonly #http = inject(HttpClient)
  readonly #destroyed = inject(DestroyRef)
  readonly #stock = injectServiceSet(() => 'stock')
  /** The statistics by which the balancer chooses; a fatal error shows in the set of the service. */
  readonly #statistics = toSignal(injectBalancer('stock').state$.pipe(catchError(() => EMPTY)))
  readonly #answers = signal<Readonly<Record<string, number>>>({})

  protected readonly failed = signal(0)
  protected readonly rows = computed(() =>
    this.#stock()
      .toArray()
      .map(({ id }) => {
        const latency = this.#statistics()?.get(id)?.latency
        return { id, answers: this.#answers()[id] ?? 0, latency: latency === undefined ? '' : `${Math.round(latency)} ms` }
      }),
  )
  protected readonly most = computed(() => Math.max(1, ...this.rows().map(({ answers }) => answers)))

  /** Makes requests, at most eight at once. */
  protected call(times: number): void {
    const answer$ = this.#http.get<Levels>('service://stock/levels').pipe(
      map(({ by }) => by),
      catchError(() => of(undefined)),
    )
    range(times)
      .pipe(
        mergeMap(() => answer$, 8),
        takeUntilDestroyed(this.#destroyed),
      )
      .subscribe(by => {
        if (by === undefined) this.failed.update(count => count + 1)
        else this.#answers.update(counts => ({ ...counts, [by]: (counts[by] ?? 0) + 1 }))
      })
  }
}
