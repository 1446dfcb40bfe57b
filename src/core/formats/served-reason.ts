/** Thrown in the place of an entry that a bridge over SSE could not read: its message is the whole reason. */
export class ServedReason extends Error {}
