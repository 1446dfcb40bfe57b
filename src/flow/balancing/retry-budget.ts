/** Options of the retry budget of {@link balance}. */
export interface RetryBudgetOptions {
  /** How many retries the calls allow, % of their number. @default 20 */
  readonly share?: number | undefined
  /** How many retries are allowed besides, per second, so that a balancer with few calls can retry. @default 10 */
  readonly perSecond?: number | undefined
  /** How long a call counts, ms. @default 10000 */
  readonly window?: number | undefined
}

/** All of {@link RetryBudgetOptions}, the defaults included. */
export type RetryBudgetLimits = { readonly [K in keyof RetryBudgetOptions]-?: number }

const slots = 10

/**
 * A token bucket (Twitter Finagle, `RetryBudget.scala`): each call deposits a part of a token, each retry withdraws one, both expire after `window`, and
 * a reserve of `perSecond` is always there. It keeps a failing fleet from a flood of retries.
 */
export class RetryBudget {
  readonly #deposit: number
  readonly #reserve: number
  readonly #slot: number
  readonly #tokens = new Float64Array(slots)
  #balance = 0
  #at = 0

  constructor({ share, perSecond, window }: RetryBudgetLimits) {
    this.#deposit = share / 100
    this.#reserve = (perSecond * window) / 1000
    this.#slot = window / slots
  }

  /** Counts a call. */
  deposit(now: number): void {
    this.#add(this.#deposit, now)
  }

  /** Counts a retry if there is a token for it; returns whether there is. */
  withdraw(now: number): boolean {
    this.#add(0, now)
    if (this.#reserve + this.#balance < 1) return false
    this.#add(-1, now)
    return true
  }

  #add(tokens: number, now: number): void {
    const slot = Math.floor(now / this.#slot)
    if (slot !== this.#at) this.#expire(slot)
    this.#tokens[slot % slots] = (this.#tokens[slot % slots] ?? 0) + tokens
    this.#balance += tokens
  }

  #expire(slot: number): void {
    const passed = slot - this.#at
    for (let each = 1; each <= Math.min(slots, passed); each++) {
      const at = (this.#at + each) % slots
      this.#balance -= this.#tokens[at] ?? 0
      this.#tokens[at] = 0
    }
    if (passed >= slots) this.#balance = 0
    this.#at = slot
  }
}
