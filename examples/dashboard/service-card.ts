import { Component, input } from '@angular/core'
import type { ServiceSet } from 'rx-discovery'

/** The instances of one service. */
@Component({
  selector: 'app-service-card',
  host: { '[class.stale]': "set().status === 'stale'" },
  template: `
    <header>
      <h2>{{ set().service }}</h2>
      <span class="hint">{{ set().status }}</span>
    </header>
    <ul>
      @for (instance of set().toArray(); track instance.id) {
        <li animate.enter="joined" animate.leave="left" [attr.data-instance]="instance.id">
          <span class="dot" [class]="instance.status"></span>
          <span class="id">{{ instance.id }}</span>
          <span class="hint">{{ instance.status }}</span>
        </li>
      } @empty {
        <li class="hint">{{ set().status === 'pending' ? 'waiting for the gateway' : 'no instances' }}</li>
      }
    </ul>
  `,
  styles: `
    :host {
      transition: border-color 0.3s;
    }
    :host(.stale) {
      border-style: dashed;
      border-color: var(--warn);
    }
    ul {
      display: grid;
      gap: 0.25rem;
    }
    li {
      display: flex;
      align-items: baseline;
      gap: 0.5rem;
      border-radius: 0.375rem;
    }
    .id {
      flex: 1;
      min-width: 0;
      overflow-wrap: anywhere;
    }
    .dot {
      flex: none;
      width: 0.625rem;
      height: 0.625rem;
      border-radius: 50%;
      background: var(--muted);
      transition: background 0.3s;
    }
    .dot.up {
      background: var(--up);
    }
    .dot.draining,
    .dot.starting {
      background: var(--warn);
    }
    .dot.down {
      background: var(--down);
    }
    .joined {
      animation: joined 1s ease-out;
    }
    .left {
      animation: left 0.8s ease-in forwards;
    }
    @keyframes joined {
      from {
        opacity: 0;
        background: color-mix(in srgb, var(--up) 35%, transparent);
        box-shadow: 0 0 0 0.25rem color-mix(in srgb, var(--up) 35%, transparent);
      }
      30% {
        opacity: 1;
      }
    }
    @keyframes left {
      40% {
        opacity: 1;
        background: color-mix(in srgb, var(--down) 30%, transparent);
        box-shadow: 0 0 0 0.25rem color-mix(in srgb, var(--down) 30%, transparent);
      }
      to {
        opacity: 0;
      }
    }
    @media (prefers-reduced-motion: reduce) {
      .joined,
      .left {
        animation: none;
      }
    }
  `,
})
export class ServiceCard {
  readonly set = input.required<ServiceSet>()
}
