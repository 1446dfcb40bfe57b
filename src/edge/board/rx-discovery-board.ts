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
import { controlClient } from './control-client.js'
import { copyText } from './copy-text.js'
import { emptyNotice } from './empty-notice.js'
import { filterBar } from './filter-bar.js'
import { filtersSet, noFilters, type Filters } from './filters.js'
import { freshnessOf } from './freshness.js'
import { instanceDetails, type AskedTtl } from './instance-details.js'
import { journalList } from './journal-list.js'
import { linkOf, readLink, type BoardLink } from './board-link.js'
import type { CopiedLink } from './link-copier.js'
import type { BoardMoment } from './board-moment.js'
import { boardOperator, type BoardOperator } from './board-operator.js'
import { isSameRevision } from './board-revision.js'
import { missingDetails } from './missing-details.js'
import { numberText } from './number-text.js'
import { recordedTimeline } from './recorded-timeline.js'
import { serviceCard } from './service-card.js'
import { rowName, type ServiceRows } from './service-rows.js'
import { shownFleets, type ShownFleet } from './shown-fleet.js'
import { shownJournal } from './shown-journal.js'
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
/** How long one moment is shown while the changes are played, and how long a button says that a link is copied, ms. */
const [playEvery, copiedFor] = [700, 4_000]

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
  #operator: BoardOperator | undefined
  #ttl: AskedTtl | undefined
  #isUnfolded = false
  #copied: CopiedLink = 'none'
  #now = Date.now()
  #announced = ''
  #announcement = ''
  #running = Subscription.EMPTY
  #fetching = Subscription.EMPTY
  #playing = Subscription.EMPTY
  #copying = Subscription.EMPTY
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
    for (const each of [this.#running, this.#fetching, this.#playing, this.#copying]) each.unsubscribe()
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
    this.#operator = undefined
    if (this.control === undefined) return
    const client = controlClient(this.control)
    const operator = (this.#operator = boardOperator(client, () => this.requestUpdate()))
    const asking = <A>(ask: () => Promise<A>): Observable<A> => from(ask()).pipe(catchError(() => EMPTY))
    follow(timer(0, undefined, overridesEvery).pipe(switchMap(() => asking(client.overrides))), overrides => operator.learn(overrides))
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
    const moment = this.#state.timeline.moments.at(-1)
    const { type } = freshnessOf(this.#state)
    if (type !== 'live' || moment === undefined) return type === 'awaited' ? '' : `The board is ${type}.`
    const [first, ...more] = moment.entries
    if (first === undefined) return `Live: ${[...moment.tracks.keys()].length} services.`
    return `${first.service} ${first.id} ${first.type}${more.length > 0 ? `, and ${more.length} more changes` : ''}.`
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    // Outside, the target of what happens inside is the board itself.
    const focused = event.target === this ? this.shadowRoot?.activeElement : event.target
    const isTyping = focused instanceof HTMLElement && (focused.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(focused.tagName))
    // In a field with text, Escape is for the field.
    const isInText = focused instanceof HTMLInputElement && focused.value !== '' && focused.type === 'search'
    if (event.key === 'Escape' && this.#link.selected !== '' && !isInText) this.#select('')
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
    this.#operator?.forget()
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

  #details(services: readonly ServiceRows[], frame: BoardFrame): TemplateResult | typeof nothing {
    for (const of of services) {
      if (!frame.selected.startsWith(`${of.service}/`)) continue
      const row = of.rows.find(({ instance }) => rowName(instance) === frame.selected)
      if (row === undefined) continue
      const keys = frame.past === undefined ? this.#state.view.snapshot.entries : this.#shown()?.keys
      return instanceDetails({ row, entry: row.departed === undefined ? keys?.get(boardPrefix + frame.selected) : undefined, ttl: frame.past === undefined ? this.#ttl : undefined, operation: this.#operator?.operation(row, of) }, frame)
    }
    return frame.selected === '' || this.#shown() === undefined ? nothing : missingDetails(journalUpTo(this.#state.timeline, frame.past), frame)
  }

  #groups({ sick, well }: ShownFleet, frame: BoardFrame, at: number | undefined): TemplateResult {
    const group = (name: string, title: string, of: readonly ServiceRows[]): TemplateResult | typeof nothing =>
      of.length === 0
        ? nothing
        : html`<h3 class="group ${name}">${title} <span>${numberText(of.length)}</span></h3>
            <ul class="services">${repeat(of, ({ service }) => service, each => serviceCard(each, frame, at))}</ul>`
    return html`${group('sick', 'Needs attention', sick)} ${group('well', 'All well', well)}`
  }

  #nothing(isHidden: boolean, isRecording: boolean): TemplateResult {
    const { failure, past: recorded, timeline } = this.#state
    const isPast = this.#link.past !== undefined
    return emptyNotice({
      ...{ recorded, isPast, isRecording, isFiltered: isHidden, isStopped: failure !== undefined, first: timeline.moments[0]?.revision },
      hasSource: this.#followed !== undefined || isRecording,
      isShown: this.#shown() !== undefined,
      error: isPast ? this.#fetched?.error : undefined,
    })
  }

  #url(): string {
    return `${location.origin}${location.pathname}${linkOf(new URLSearchParams(location.search), this.#link)}${location.hash}`
  }

  async #copy(): Promise<void> {
    this.#copying.unsubscribe()
    this.#copied = (await copyText(this.#url())) ? 'copied' : 'refused'
    this.#announcement = this.#copied === 'copied' ? 'The link is copied.' : ''
    this.requestUpdate()
    await this.updateComplete
    if (this.#copied === 'refused') this.renderRoot.querySelector<HTMLElement>('.address')?.focus()
    else
      this.#copying = timer(copiedFor).subscribe({
        next: () => {
          this.#copied = 'none'
          this.requestUpdate()
        },
        error: reportError,
      })
  }

  protected override render(): TemplateResult {
    const { timeline, view, past: recorded } = this.#state
    const { filters, selected } = this.#link
    const freshness = freshnessOf(this.#state)
    const isRecording = this.#followed === undefined && this.recording !== undefined
    const last = timeline.moments.at(-1)?.revision
    const past = this.#link.past ?? (isRecording ? last : undefined)
    const moment = this.#shown()
    const fleet = this.#fleet(moment, filters)
    const { all, facets, counts, found } = fleet
    const rows = found.instances + found.states.gone
    const isOpen = (service: string): boolean => this.#opened.get(service) ?? rows <= openUpTo
    const now = this.#now
    const frame: BoardFrame = {
      now,
      since: timeline.since,
      isRecording,
      isLive: freshness.type === 'live',
      isFiltered: filtersSet(filters) > 0,
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
    const operators = this.#operator?.overrides()?.journal ?? []
    const occasions = [timeline.journal, operators.length, moment === undefined, past, filters, Math.floor(now / 1_000)]
    const known = moment?.revision === last ? last && Math.max(last, view.snapshot.revision) : undefined
    const isDim = past === undefined && !frame.isLive
    const copier = this.link ? { url: () => this.#url(), copied: this.#copied, copy: () => void this.#copy() } : undefined
    const fold = (): void => {
      this.#isUnfolded = !this.#isUnfolded
      this.requestUpdate()
    }
    return html`
      ${boardHead({ heading: this.heading, freshness, moment, known, counts, filters, change, isUnfolded: this.#isUnfolded, isDim }, frame)}
      ${filterBar({ filters, facets, counts, found, change, isUnfolded: this.#isUnfolded, fold, copier })}
      <div class="body ${isDim ? 'dim' : ''}">
        <div>${fleet.sick.length + fleet.well.length > 0 ? this.#groups(fleet, frame, moment?.at) : this.#nothing(frame.isFiltered && all.length > 0, isRecording)}</div>
        <aside class="rail" aria-label="Details and journal">
          ${this.#details(all, frame)} ${guard(occasions, () => journalList(shownJournal(timeline, operators, past, filters), moment === undefined, frame))}
        </aside>
      </div>
      ${timeSlider({ moments: timeline.moments, index: past === undefined ? timeline.moments.length - 1 : indexAt(timeline, past), isPlaying: !this.#playing.closed, isPastMissing: recorded === 'missing', play: () => this.#play() }, frame)}
      <div class="unseen" role="status">${this.#announcement}</div>
    `
  }
}
