/** How well something is: `warn` works now, and may not at the next fault. */
export type Grade = 'ok' | 'warn' | 'fail'

/** Where to read more: a file of the package, and a heading in it. */
export interface DocsPage {
  readonly file: string
  readonly heading: string
}

/** What `doctor` has found out about one thing. */
export interface Finding {
  readonly category: 'endpoints' | 'login' | 'cluster' | 'quorum' | 'version' | 'alarms' | 'pre-vote' | 'permissions' | 'clock' | 'latency' | 'leases' | 'entries'
  readonly status: Grade
  /** One sentence. */
  readonly text: string
  readonly see: DocsPage
}
