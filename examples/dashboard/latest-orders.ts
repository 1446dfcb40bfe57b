import { httpResource } from '@angular/common/http'
import { Component } from '@angular/core'

interface Latest {
  /** The instances that answered the gateway. */
  readonly by: readonly string[]
  readonly orders: readonly { readonly id: number; readonly item: string; readonly name: string }[]
}

/** What the gateway makes of the answers of two services. */
@Component({
  selector: 'app-latest-orders',
  template: `
    <header>
      <h2>Latest orders</h2>
      <button type="button" [disabled]="latest.isLoading()" (click)="latest.reload()">Reload</button>
    </header>
    @if (latest.hasValue()) {
      <table>
        @for (order of latest.value().orders; track order.id) {
          <tr>
            <td>{{ order.id }}</td>
            <td>{{ order.item }}</td>
            <td>{{ order.name }}</td>
          </tr>
        }
      </table>
      <p class="hint">answered by {{ latest.value().by.join(' and ') }}</p>
    } @else if (latest.error()) {
      <p class="hint">The gateway could not answer. Reload to try again.</p>
    } @else {
      <p class="hint">loading</p>
    }
  `,
  styles: `
    table {
      width: 100%;
      margin-bottom: 0.5rem;
      border-collapse: collapse;
    }
    td {
      padding: 0.125rem 0.5rem 0.125rem 0;
      border-bottom: 1px solid var(--line);
    }
    td:first-child {
      color: var(--muted);
      font-variant-numeric: tabular-nums;
    }
  `,
})
export class LatestOrders {
  protected readonly latest = httpResource<Latest>(() => '/api/orders')
}
