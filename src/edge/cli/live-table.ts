import { combineLatest, defer, finalize, ignoreElements, map, scan, startWith, tap, throttleTime, type Observable } from 'rxjs'
import { interval, timers } from '../../flow/clock.js'
import { fleetFrame } from './fleet-frame.js'
import type { FollowedServices } from './follow-services.js'
import type { Host, Terminal } from './host.js'
import type { KnownOverrides } from './known-overrides.js'
import { nextWatched, unwatched } from './watched.js'

/** The shortest time between two frames, ms. */
const frameEvery = 250
/** How often ages grow, ms. */
const ageEvery = 1_000

// The other screen of the terminal, without a cursor, and without line breaks of its own, which a character of unusual width could cause.
const enter = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const leave = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const frameText = (lines: readonly string[]): string => `\x1b[H${lines.map(line => `${line}\x1b[K`).join('\r\n')}\x1b[J`

/**
 * Shows the services on a terminal while it is subscribed, at most four times a second. At the end, the terminal is as it was before, with the last frame
 * below. Emits nothing.
 */
export const liveTable = (fleet: Observable<FollowedServices>, overrides: Observable<KnownOverrides>, { print }: Pick<Host, 'print'>, terminal: Terminal, errors: boolean): Observable<never> =>
  defer(() => {
    let last: readonly string[] = []
    print(enter)
    const watched = fleet.pipe(scan((before, next) => nextWatched(before, next, Date.now()), unwatched), startWith(unwatched))
    return combineLatest([watched, overrides.pipe(startWith<KnownOverrides>(new Map())), terminal.resized.pipe(startWith(undefined)), interval(ageEvery).pipe(startWith(0))]).pipe(
      throttleTime(frameEvery, timers, { leading: true, trailing: true }),
      map(([now, known]) => fleetFrame({ ...now, overrides: known }, { columns: terminal.columns(), rows: terminal.rows(), now: Date.now(), colours: terminal.colours, errors })),
      tap(lines => {
        last = lines
        print(frameText(lines))
      }),
      ignoreElements(),
      finalize(() => print(`${leave}${last.map(line => `${line}\n`).join('')}`)),
    )
  })
