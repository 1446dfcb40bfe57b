import { Component, computed, input } from '@angular/core'
import { toSignal } from '@angular/core/rxjs-interop'
import { map, timer } from 'rxjs'
import type { ServiceSet } from 'rx-discovery'

const units = [
  { ms: 3_600_000, name: 'h' },
  { ms: 60_000, name: 'min' },
] as const

/** A duration in its largest unit: `12 s`, `3 min`. */
const inWords = (ms: number): string => {
  const unit = units.find(each => ms >= each.ms) ?? { ms: 1_000, name: 's' }
  return `${Math.max(0, Math.floor(ms / unit.ms))} ${unit.name}`
}

/** Says since when a set has been in trouble, and why. */
@Component({
  selector: 'app-stale-banner',
  template: `
    <!-- A timer is not read out each time it changes. -->
    <p>
      <strong>{{ set().status === 'stale' ? 'Stale' : 'No answer' }}</strong> for <span role="timer" class="age">{{ age() }}</span>.
      @if (set().status === 'stale') {
        You see the instances that were known last.
      }
    </p>
    <p class="reason">{{ set().trouble?.error?.message }}</p>
  `,
  styles: `
    :host {
      display: block;
      margin-top: 1rem;
      padding: 0.75rem 1rem;
      border-inline-start: 0.25rem solid var(--warn);
      border-radius: var(--radius);
      background: var(--warn-page);
    }
    strong {
      color: var(--warn);
    }
    .age {
      font-variant-numeric: tabular-nums;
    }
    .reason {
      font-size: 0.875rem;
      color: var(--muted);
      overflow-wrap: anywhere;
    }
  `,
})
export class StaleBanner {
  readonly set = input.required<ServiceSet>()

  readonly #now = toSignal(timer(0, 1_000).pipe(map(() => Date.now())), { initialValue: Date.now() })
  protected readonly age = computed(() => {
    const now = this.#now()
    return inWords(now - (this.set().trouble?.since ?? now))
  })
}
