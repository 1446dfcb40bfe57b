import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { guard } from 'lit/directives/guard.js'
import { repeat } from 'lit/directives/repeat.js'
import { catchError, EMPTY, from, map, of, Subject, Subscription, switchMap, type Observable } from 'rxjs'
import { toError } from '#internal/core/errors'
import { interval, timer } from '#internal/flow/clock'
import type { ReadableRegistry, Revision } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'
import type { BoardFrame } from './board-frame.js'
import { boardHead } from './board-head.js'
import { boardPrefix, boardStateAtFirst, boardStates, momentAtRevision, type BoardState } from './board-state.js'
import { boardStyles } from './board-styles.js'
import { controlClient, type ControlClient, type Overrides } from './control-client.js'
import { emptyNotice } from './empty-notice.js'
import { filterBar } from './filter-bar.js'
import { hasWords, isFiltered, noFilters, type Filters } from './filters.js'
import { instanceDetails, type AskedTtl, type Operation } from './instance-details.js'
import { journalList } from './journal-list.js'
import { linkOf, readLink, type BoardLink } from './board-link.js'
import type { JournalEntry } from './journal-entry.js'
import type { BoardMoment } from './board-moment.js'
import { isSameRevision } from './board-revision.js'
import { recordedTimeline } from './recorded-timeline.js'
import { serviceCard } from './service-card.js'
import { isWell, rowName, type InstanceRow, type ServiceRows } from './service-rows.js'
import { shownFleets } from './shown-fleet.js'
import { timeSlider } from './time-slider.js'
import { emptyTimeline, indexAt, journalUpTo } from './timeline.js'

/** How long instances that have left are shown, ms. */
const keep = 10 * 60_000
/** For how long a change counts as just made, ms. */
const freshFor = 6_000
/** Up to how many instances all services are open. */
const openUpTo = 80
/** How often overrides and the TTL of the selected instance are asked for, ms. */
const [overridesEvery, ttlEvery] = [3_000, 5_000]
/** How long one moment is shown while the changes are played, ms. */
const playEvery = 700

/** A past revision that no moment shows: it is asked for once. */
interface Fetched {
  readonly revision: Revision
  readonly moment?: BoardMoment
  readonly error?: Error
}

/**
 * `<rx-discovery-board>`: shows the services that a bridge serves as they change, what happened to them, and what was there at past revisions.
 *
 * @example <rx-discovery-board url="/discovery"></rx-discovery-board>
 */
export class RxDiscoveryBoard extends LitElement {
  static override properties = {
    url: {},
    registry: { attribute: false },
    recording: {},
    control: {},
    heading: {},
    link: { type: Boolean },
    theme: { reflect: true },
  }
  static override styles = boardStyles

  /** The URL of an `sseHandler`; in a page it may be a path. Attribute `url`. */
  declare url: string | undefined
  /** A registry to read in place of `url`, such as `memoryRegistry()`. A property only. */
  declare registry: ReadableRegistry | undefined
  /** The URL of a recording: what happened before the page was opened; without `url` and `registry`, all that is shown. Attribute `recording`. */
  declare recording: string | undefined
  /** The URL of the control that `rx-discovery ui` serves: remaining TTLs, and overrides. Attribute `control`. */
  declare control: string | undefined
  /** The title. Attribute `heading`. @default 'Services' */
  declare heading: string
  /** Whether filters, the selected instance and the past revision are kept in the query of the page's URL. Attribute `link`. @default false */
  declare link: boolean
  /** `'light'` or `'dark'` whatever the system prefers. Attribute `theme`. */
  declare theme: 'light' | 'dark' | undefined

  #state: BoardState = boardStateAtFirst(emptyTimeline(Date.now(), keep))
  #followed: ReadableRegistry | undefined
  #link: BoardLink = { filters: noFilters, past: undefined, selected: '' }
  readonly #fleet = shownFleets()
  #fetched: Fetched | undefined
  #opened = new Map<string, boolean>()
  #client: ControlClient | undefined
  #overrides: Overrides | undefined
  #ttl: AskedTtl | undefined
  #asked: 'drain' | undefined
  #problem = ''
  #isBusy = false
  #now = Date.now()
  #announced = ''
  #announcement = ''
  #running = Subscription.EMPTY
  #fetching = Subscription.EMPTY
  #playing = Subscription.EMPTY
  readonly #selections = new Subject<void>()

  constructor() {
    super()
    this.heading = 'Services'
    this.link = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    if (this.link) this.#link = readLink(new URLSearchParams(location.search))
    this.#start()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    for (const each of [this.#running, this.#fetching, this.#playing]) each.unsubscribe()
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (this.hasUpdated && (['url', 'registry', 'recording', 'control'] as const).some(name => changed.has(name))) this.#start()
  }

  // At most one frame is rendered for all that happens in its time.
  protected override async scheduleUpdate(): Promise<void> {
    await new Promise(resolve => requestAnimationFrame(resolve))
    await super.scheduleUpdate()
  }

  protected override updated(): void {
    if (!this.link) return
    const query = linkOf(new URLSearchParams(location.search), this.#link)
    if (query === location.search) return
    try {
      history.replaceState(history.state, '', `${location.pathname}${query}${location.hash}`)
    } catch {
      // Some browsers limit how often this may be done; the next frame tries again.
    }
  }

  #start(): void {
    this.#running.unsubscribe()
    const running = (this.#running = new Subscription())
    const registry = this.registry ?? (this.url === undefined ? undefined : sseRegistry(this.url))
    this.#followed = registry
    if (registry === undefined && this.recording === undefined) return
    const empty = emptyTimeline(Date.now(), keep)
    const past = this.recording === undefined ? of(empty) : recordedTimeline(this.recording, keep)
    const follow = <A>(source: Observable<A>, next: (value: A) => void): void => {
      running.add(source.subscribe({ next, error: reportError }))
    }
    follow(boardStates(registry, past, empty), state => this.#receive(state))
    follow(interval(1_000), () => this.#tick())
    const keyboard = (event: KeyboardEvent): void => this.#press(event)
    const back = (): void => {
      this.#link = readLink(new URLSearchParams(location.search))
      this.requestUpdate()
    }
    addEventListener('keydown', keyboard)
    if (this.link) addEventListener('popstate', back)
    running.add(() => {
      removeEventListener('keydown', keyboard)
      removeEventListener('popstate', back)
    })
    if (this.control === undefined) return
    const client = (this.#client = controlClient(this.control))
    const asking = <A>(ask: () => Promise<A>): Observable<A> => from(ask()).pipe(catchError(() => EMPTY))
    follow(timer(0, undefined, overridesEvery).pipe(switchMap(() => asking(client.overrides))), overrides => this.#learn(overrides))
    const leases = this.#selections.pipe(switchMap(() => timer(0, undefined, ttlEvery)), map(() => this.#selectedLease()))
    follow(leases.pipe(switchMap(lease => (lease === undefined ? EMPTY : asking(() => client.remaining(lease))))), ttl => {
      this.#ttl = ttl
      this.requestUpdate()
    })
    if (this.#link.selected !== '') this.#selections.next()
  }

  #receive(state: BoardState): void {
    this.#state = state
    this.#now = Date.now()
    this.requestUpdate()
  }

  #learn(overrides: Overrides): void {
    this.#overrides = overrides
    this.requestUpdate()
  }

  #tick(): void {
    this.#now = Date.now()
    const text = this.#news()
    if (text !== this.#announced && Math.floor(this.#now / 1_000) % 4 === 0) {
      this.#announced = text
      this.#announcement = text
    }
    this.requestUpdate()
  }

  /** What a screen reader announces, every few seconds at most. */
  #news(): string {
    const { view, timeline } = this.#state
    const moment = timeline.moments.at(-1)
    if (view.status !== 'live' || moment === undefined) return view.status === 'pending' ? '' : 'The board is stale.'
    const [first, ...more] = moment.entries
    if (first === undefined) return `Live: ${[...moment.tracks.keys()].length} services.`
    return `${first.service} ${first.id} ${first.type}${more.length > 0 ? `, and ${more.length} more changes` : ''}.`
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    // Outside, the target of what happens inside is the board itself.
    const focused = event.target === this ? this.shadowRoot?.activeElement : event.target
    const isTyping = focused instanceof HTMLElement && (focused.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(focused.tagName))
    if (event.key === 'Escape' && this.#link.selected !== '') this.#select('')
    else if (event.key === '/' && !isTyping) {
      // The key itself must not be typed into the field.
      event.preventDefault()
      this.renderRoot.querySelector<HTMLElement>('input[type=search]')?.focus()
    }
  }

  #change(link: Partial<BoardLink>): void {
    this.#link = { ...this.#link, ...link }
    this.requestUpdate()
  }

  #select(name: string): void {
    const former = this.#link.selected
    this.#ttl = undefined
    this.#asked = undefined
    this.#problem = ''
    this.#change({ selected: name })
    this.#selections.next()
    const isNarrow = matchMedia('(max-width: 1100px)').matches
    void this.updateComplete.then(() => {
      if (name === '') this.renderRoot.querySelector<HTMLElement>(`[data-name="${CSS.escape(former)}"]`)?.focus()
      else if (isNarrow) this.renderRoot.querySelector<HTMLElement>('#details')?.focus()
    })
  }

  #show(past: Revision | undefined, isPlaying = false): void {
    if (!isPlaying) this.#playing.unsubscribe()
    this.#change({ past })
  }

  #play(): void {
    if (!this.#playing.closed) {
      this.#playing.unsubscribe()
      this.requestUpdate()
      return
    }
    const { moments } = this.#state.timeline
    const from = this.#link.past === undefined ? 0 : indexAt(this.#state.timeline, this.#link.past) + 1
    this.#show(moments[from]?.revision)
    this.#playing = interval(playEvery).subscribe({
      next: () => {
        const { timeline } = this.#state
        const next = this.#link.past === undefined ? undefined : timeline.moments[indexAt(timeline, this.#link.past) + 1]
        const isLast = next === undefined || next === timeline.moments.at(-1)
        this.#show(isLast ? undefined : next.revision, true)
        if (isLast) this.#playing.unsubscribe()
      },
      error: reportError,
    })
  }

  /** The moment that is shown; asks for it if no moment shows the revision. */
  #shown(): BoardMoment | undefined {
    const { timeline } = this.#state
    const { past } = this.#link
    if (past === undefined) return timeline.moments.at(-1)
    const index = indexAt(timeline, past)
    if (index >= 0) return timeline.moments[index]
    if (this.#fetched?.revision === past || this.#followed === undefined) return this.#fetched?.moment
    this.#fetching.unsubscribe()
    this.#fetched = { revision: past, ...(past < 0 && { error: new Error('Its history was replaced before the time line begins') }) }
    if (past < 0) return undefined
    const learn = (found: Omit<Fetched, 'revision'>): void => {
      this.#fetched = { revision: past, ...found }
      this.requestUpdate()
    }
    this.#fetching = momentAtRevision(this.#followed, past, timeline.since).subscribe({ next: moment => learn({ moment }), error: (thrown: unknown) => learn({ error: toError(thrown) }) })
    return undefined
  }

  #selectedLease(): string | undefined {
    const lease = this.#state.view.snapshot.entries.get(boardPrefix + this.#link.selected)?.lease
    return lease === '0' || this.#link.past !== undefined ? undefined : lease
  }

  #operate(row: InstanceRow, of: ServiceRows): Operation | undefined {
    const client = this.#client
    if (client === undefined || this.#overrides?.allowed !== true) return undefined
    const { instance } = row
    const isLast = row.state === 'up' && of.rows.every(each => each === row || each.state !== 'up')
    const act = (work: () => Promise<void>): void => {
      this.#isBusy = true
      this.#problem = ''
      this.requestUpdate()
      void work()
        .then(client.overrides)
        .then(
          overrides => {
            this.#asked = undefined
            this.#learn(overrides)
          },
          (thrown: unknown) => (this.#problem = toError(thrown).message),
        )
        .finally(() => {
          this.#isBusy = false
          this.requestUpdate()
        })
    }
    return {
      override: this.#overrides.byName.get(rowName(instance)),
      isLast,
      asked: this.#asked,
      isBusy: this.#isBusy,
      problem: this.#problem,
      ask: what => {
        this.#asked = what
        this.requestUpdate()
      },
      drain: () => act(() => client.drain(instance, isLast)),
      giveBack: () => act(() => client.giveBack(instance)),
    }
  }

  #details(services: readonly ServiceRows[], frame: BoardFrame): TemplateResult | typeof nothing {
    for (const of of services) {
      if (!frame.selected.startsWith(`${of.service}/`)) continue
      const row = of.rows.find(({ instance }) => rowName(instance) === frame.selected)
      if (row === undefined) continue
      const keys = frame.past === undefined ? this.#state.view.snapshot.entries : this.#shown()?.keys
      return instanceDetails({ row, entry: row.departed === undefined ? keys?.get(boardPrefix + frame.selected) : undefined, ttl: frame.past === undefined ? this.#ttl : undefined, operation: this.#operate(row, of) }, frame)
    }
    return nothing
  }

  #journal(past: Revision | undefined, filters: Filters): readonly JournalEntry[] {
    const operators = this.#overrides?.journal.filter(({ revision }) => past === undefined || revision <= past) ?? []
    const all = journalUpTo(this.#state.timeline, past)
    const merged = operators.length === 0 ? all : [...all, ...operators].sort((a, b) => (b.at ?? 0) - (a.at ?? 0) || b.revision - a.revision)
    const has = hasWords(filters.text)
    return filters.text === '' ? merged : merged.filter(({ service, id, text }) => has(`${service}/${id} ${text}`.toLowerCase()))
  }

  #groups(services: readonly ServiceRows[], frame: BoardFrame, at: number | undefined): TemplateResult {
    const [sick, well] = [services.filter(each => !isWell(each)), services.filter(isWell)]
    const group = (name: string, title: string, of: readonly ServiceRows[]): TemplateResult | typeof nothing =>
      of.length === 0
        ? nothing
        : html`<h3 class="group ${name}">${title} <span>${of.length}</span></h3>
            <ul class="services">${repeat(of, ({ service }) => service, each => serviceCard(each, frame, at))}</ul>`
    return html`${group('sick', 'Needs attention', sick)} ${group('well', 'All well', well)}`
  }

  #nothing(isHidden: boolean, isRecording: boolean): TemplateResult {
    const { view, past: recorded, timeline } = this.#state
    const isPast = this.#link.past !== undefined
    return emptyNotice({
      ...{ status: view.status, recorded, isRecording, isFiltered: isHidden, first: timeline.moments[0]?.revision },
      hasSource: this.#followed !== undefined || isRecording,
      isShown: !isPast || this.#shown() !== undefined,
      error: isPast ? this.#fetched?.error : undefined,
    })
  }

  protected override render(): TemplateResult {
    const { timeline, view, failure, past: recorded } = this.#state
    const { filters, selected } = this.#link
    const isRecording = this.#followed === undefined && this.recording !== undefined
    const last = timeline.moments.at(-1)?.revision
    const past = this.#link.past ?? (isRecording ? last : undefined)
    const moment = this.#shown()
    const { all, facets, counts, services, found, total } = this.#fleet(moment, filters)
    const isOpen = (service: string): boolean => this.#opened.get(service) ?? found <= openUpTo
    const now = this.#now
    const frame: BoardFrame = {
      now,
      since: timeline.since,
      isRecording,
      isAtEnd: past === undefined || (isRecording && past >= (last ?? 0)),
      past,
      isFresh: entry => entry !== undefined && (past === undefined ? entry.at !== undefined && now - entry.at < freshFor : moment !== undefined && entry.at === moment.at && isSameRevision(entry.revision, moment.revision)),
      selected,
      select: name => this.#select(name),
      isOpen,
      toggle: service => {
        this.#opened.set(service, !isOpen(service))
        this.requestUpdate()
      },
      show: revision => this.#show(revision),
    }
    const change = (next: Filters): void => this.#change({ filters: next })
    const occasions = [timeline.journal, this.#overrides?.journal.length, past, filters.text, Math.floor(now / 1_000)]
    const isDim = view.status === 'stale' && past === undefined
    return html`
      ${boardHead({ heading: this.heading, view, services: all, counts, total, filters, change, failure, at: moment?.at }, frame)}
      ${filterBar({ filters, facets, found, all: total, change })}
      <div class="body ${isDim ? 'dim' : ''}">
        <div>${services.length > 0 ? this.#groups(services, frame, moment?.at) : this.#nothing(isFiltered(filters) && all.length > 0, isRecording)}</div>
        <aside class="rail" aria-label="Details and journal">${this.#details(all, frame)} ${guard(occasions, () => journalList(this.#journal(past, filters), frame))}</aside>
      </div>
      ${timeSlider({ moments: timeline.moments, index: past === undefined ? timeline.moments.length - 1 : indexAt(timeline, past), isPlaying: !this.#playing.closed, isPastMissing: recorded === 'missing', play: () => this.#play() }, frame)}
      <div class="unseen" role="status">${this.#announcement}</div>
    `
  }
}
