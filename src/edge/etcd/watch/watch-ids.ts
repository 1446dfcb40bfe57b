import type { WatchResponse } from '../wire/messages.js'

/**
 * No server chooses such an id by itself: etcd and its proxy count from 0. So the id of the first created watch shows whether the server uses our ids.
 * `etcd grpc-proxy` and etcd up to 3.3 ignore them, and may create watches in another order than requested (etcd-io/etcd#12819).
 */
const firstId = 2 ** 41

/** The ids of the watches on one stream: those that we request, and those of a server that ignores ours. */
export class WatchIds {
  #by: 'unknown' | 'us' | 'the server' = 'unknown'
  #requested = 0
  /** The create whose answer will show the id. */
  #underWay: string | undefined
  readonly #ours = new Map<string, string>()
  readonly #theirs = new Map<string, string>()

  /** Whether the server uses our ids. */
  get areOurs(): boolean {
    return this.#by === 'us'
  }

  /** Whether the server has ignored one of our ids. */
  get areTheirs(): boolean {
    return this.#by === 'the server'
  }

  /** Until the server has used one of our ids, one create may be under way at a time. */
  get mayCreate(): boolean {
    return this.areOurs || this.#underWay === undefined
  }

  next(): string {
    this.#requested += 1
    return String(firstId + this.#requested - 1)
  }

  isFirst(id: string): boolean {
    return id === String(firstId)
  }

  creating(id: string): void {
    this.#underWay = id
  }

  /** Learns from an answer to a create, and returns our id of the watch. `oldest`: the oldest of the requests that are not answered. */
  created({ id, canceled }: WatchResponse, oldest: string): string {
    // etcd refuses some watches under the id -1, which is otherwise that of the answer to a progress request.
    if (this.areOurs) return id === '-1' ? oldest : id
    const asked = this.#underWay ?? ''
    this.#underWay = undefined
    if (id === asked) this.#by = 'us'
    else if (id !== '-1') {
      this.#by = 'the server'
      if (!canceled) {
        this.#theirs.set(asked, id)
        this.#ours.set(id, asked)
      }
    }
    return asked
  }

  /** Our id of a watch that the server names. */
  oursOf(id: string): string {
    return this.areTheirs ? (this.#ours.get(id) ?? '') : id
  }

  /** The id by which the server can cancel a watch; `undefined` while only the answer to its create will show it. The watch is forgotten. */
  cancelling(id: string): string | undefined {
    if (this.areOurs) return id
    const theirs = this.#theirs.get(id)
    this.#theirs.delete(id)
    if (theirs !== undefined) this.#ours.delete(theirs)
    return theirs
  }
}
