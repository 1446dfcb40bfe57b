import { inParts } from '../wire/in-parts.js'
import { wireChangesText, wireChangeText, wireIdText } from '../wire/wire-event.js'
import type { Moment } from './moment.js'
import { recordedEvent, type RecordedEvent } from './recorded-event.js'

/** The events with which a recording can begin at a moment: a listing of all entries; none if nothing has been listed yet. */
export function* listingEvents({ cluster, revision, digest, entries }: Moment, at: number): Generator<RecordedEvent, undefined> {
  if (revision > 0)
    for (const { rows, isLast } of inParts(entries.toArray().map(wireChangeText)))
      yield recordedEvent(at, 'listing', wireChangesText(cluster, revision, rows), isLast ? wireIdText({ revision, digest }) : undefined)
}
