import { DatePipe } from '@angular/common'
import { Component, input } from '@angular/core'
import type { Entry } from './inject-journal'

/** What has happened, the newest first. */
@Component({
  selector: 'app-journal',
  imports: [DatePipe],
  template: `
    <header><h2>Journal</h2></header>
    <ol>
      @for (entry of entries(); track entry) {
        <li>
          <time>{{ entry.at | date: 'HH:mm:ss' }}</time>
          <span [class]="entry.type">{{ entry.type }}</span>
          <span class="id">{{ entry.instance.id }}</span>
          <span class="hint">{{ entry.instance.service }} {{ entry.instance.status }}</span>
        </li>
      } @empty {
        <li class="hint">nothing yet</li>
      }
    </ol>
  `,
  styles: `
    li {
      display: flex;
      flex-wrap: wrap;
      align-items: baseline;
      gap: 0 0.75rem;
      padding: 0.125rem 0;
    }
    li + li {
      border-top: 1px solid var(--line);
    }
    time {
      color: var(--muted);
      font-variant-numeric: tabular-nums;
    }
    .joined {
      color: var(--up);
    }
    .updated {
      color: var(--accent);
    }
    .left {
      color: var(--down);
    }
  `,
})
export class Journal {
  readonly entries = input.required<readonly Entry[]>()
}
