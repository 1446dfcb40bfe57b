/** The state of a discovery in a subject. */
export interface SetReport {
  /** In the subject's own words. */
  readonly status: string
  /** Whether the subject claims that the set is what etcd contains. */
  readonly live: boolean
  /** The message of its trouble. */
  readonly why?: string | undefined
  readonly revision: number
  readonly size: number
  readonly digest: number
  /** How long ago (ms, by the subject's clock) the set was confirmed. */
  readonly age?: number
}

/** The state of a registration in a subject. */
export interface RegistrationReport {
  readonly status: string
  readonly why?: string | undefined
  /** Whether the subject claims that its key is in etcd. */
  readonly registered: boolean
  /** How long (ms, by the subject's clock) the lease lives unless it is renewed. */
  readonly left?: number
}

/** One line that a subject prints. */
export type SubjectLine =
  | { readonly set: SetReport }
  | { readonly registration: RegistrationReport }
  | { readonly failed: string }
  | { readonly weights: Readonly<Record<string, number>> }

/** The arguments with which a subject starts. */
export interface Assignment {
  readonly hosts: readonly string[]
  readonly service: string
  /** The id of its own instance. If there is none, it only discovers. */
  readonly id?: string
  /** In seconds. */
  readonly ttl: number
  readonly auth?: { readonly username: string; readonly password: string }
  /** A file with the password, which is read instead of `auth.password`: at each login by rx-discovery, once by etcd3. */
  readonly passwordFile?: string
  /** PEM. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
  /** The files of PEM, instead of `tls`. rx-discovery reads them by `pemFiles`, etcd3 once. */
  readonly tlsFiles?: { readonly ca: string; readonly cert: string; readonly key: string }
  /** Whether the hosts are an Observable, which the command `hosts` changes. */
  readonly listed?: boolean
  /** The option `autoSync` of `etcdRegistry`, ms. */
  readonly autoSync?: number
  /** The option `verify` of `discover`: how often the set is compared with etcd, ms. */
  readonly verify?: number
  /** The option `onTaken` of `register`. */
  readonly onTaken?: 'replace' | 'fail'
  /** Whether it registers only after the command `register`. */
  readonly waits?: boolean
  /** How many further instances it registers, `crowd0` and so on. */
  readonly crowd?: number
  /** The option `drain` of `register`, ms. */
  readonly drain?: number
  /** The option `endWithin` of `register`, ms. */
  readonly endWithin?: number
}
