/** A lever that lasts until it is released. */
export type HeldLever = 'freeze' | 'deny' | 'lag'

/** What the page asks of the registry in the frame. */
export type Pull =
  | { readonly lever: 'interrupt'; readonly forMs: number }
  | { readonly lever: 'compact' }
  | { readonly lever: 'expire'; readonly lease: string }
  | { readonly lever: 'rewind'; readonly to: number }
  | { readonly lever: HeldLever; readonly on: boolean }
  | { readonly lever: 'restore' }

/** The texts of the modules that the frame loads: it can request none. */
export interface Modules {
  readonly rxjs: string
  readonly library: string
  readonly playground: string
}

/** A message from the page to the frame. */
export type PageMessage = { readonly type: 'start'; readonly modules: Modules; readonly code: string } | ({ readonly type: 'pull' } & Pull)

/** How a marble looks. */
export const tones = ['plain', 'pending', 'live', 'stale', 'joined', 'left', 'updated', 'mixed', 'bad'] as const
export type Tone = (typeof tones)[number]

/** What happened to a stream. */
export const signs = ['next', 'error', 'complete', 'unsubscribed'] as const
export type Sign = (typeof signs)[number]

/** One thing that happened to a stream. */
export interface Marble {
  /** The number of the row. */
  readonly row: number
  /** When, ms since the run began. */
  readonly at: number
  readonly sign: Sign
  /** A few characters, which stand in the marble. */
  readonly label: string
  readonly tone: Tone
  /** All of it, in lines. The first one is a summary. */
  readonly text: string
}

/** A lease of the registry in the frame. */
export interface LeaseState {
  readonly id: string
  /** The instances that it holds. */
  readonly holds: string
}

/** The registry in the frame. */
export interface RegistryState {
  readonly revision: number
  readonly leases: readonly LeaseState[]
  readonly held: readonly HeldLever[]
}

/** A line that the program printed, or an error that nothing handled. */
export interface Line {
  readonly level: 'log' | 'warn' | 'error'
  readonly text: string
}

/** A message from the frame to the page. Foreign code may have sent it. */
export type FrameMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'row'; readonly row: number; readonly name: string }
  | { readonly type: 'marbles'; readonly marbles: readonly Marble[]; readonly skipped: number }
  | { readonly type: 'lines'; readonly lines: readonly Line[]; readonly skipped: number }
  | { readonly type: 'pulled'; readonly at: number; readonly text: string }
  | ({ readonly type: 'state'; readonly at: number } & RegistryState)
  | { readonly type: 'loaded'; readonly failed: boolean }

/** How many streams are shown at most. */
export const mostRows = 12
/** How many marbles, or lines, one message has at most. */
export const mostPerMessage = 300
/** How long a text is at most, characters. */
export const longestText = 4_000
