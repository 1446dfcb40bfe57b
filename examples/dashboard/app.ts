import { Component, computed } from '@angular/core'
import { injectServiceSet } from 'rx-discovery/angular'
import { injectJournal } from './inject-journal'
import { Journal } from './journal'
import { LatestOrders } from './latest-orders'
import { ServiceCard } from './service-card'
import { StaleBanner } from './stale-banner'
import { StockCalls } from './stock-calls'

const services = ['gateway', 'orders', 'users', 'stock']

@Component({
  selector: 'app-root',
  imports: [Journal, LatestOrders, ServiceCard, StaleBanner, StockCalls],
  template: `
    <header>
      <h1>Services</h1>
      <p class="hint">{{ size() }} instances of {{ sets.length }} services in etcd</p>
    </header>
    <div role="status">
      @if (troubled(); as set) {
        <app-stale-banner [set]="set" />
      }
    </div>
    <main>
      @for (set of sets; track set) {
        <app-service-card class="card" [set]="set()" />
      }
      <app-stock-calls class="card wide" />
      <app-latest-orders class="card wide" />
      <app-journal class="card full" [entries]="journal()" />
    </main>
  `,
  styles: `
    :host {
      display: block;
      max-width: 72rem;
      margin: auto;
      padding: 1.5rem 1rem 3rem;
    }
    header {
      display: flex;
      flex-wrap: wrap;
      align-items: baseline;
      gap: 0 1rem;
    }
    main {
      display: grid;
      grid-template-columns: repeat(4, minmax(0, 1fr));
      gap: 1rem;
      margin-top: 1rem;
    }
    .wide {
      grid-column: span 2;
    }
    .full {
      grid-column: 1 / -1;
    }
    @media (width < 60rem) {
      main {
        grid-template-columns: repeat(2, minmax(0, 1fr));
      }
    }
    @media (width < 36rem) {
      main {
        grid-template-columns: minmax(0, 1fr);
      }
      .wide {
        grid-column: auto;
      }
    }
  `,
})
export class App {
  protected readonly sets = services.map(service => injectServiceSet(() => service))
  protected readonly size = computed(() => this.sets.reduce((sum, set) => sum + set().size, 0))
  /** One stream carries all services, so the trouble of one set is that of all. */
  protected readonly troubled = computed(() => this.sets.map(set => set()).find(({ trouble }) => trouble !== undefined))
  protected readonly journal = injectJournal(this.sets)
}
