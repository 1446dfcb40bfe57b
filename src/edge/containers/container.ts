/// <reference lib="esnext.disposable" preserve="true" />
/**
 * An etcd in a container of its own. Its endpoint and its data stay the same until it is stopped, even if it is killed and started again.
 * A lever returns when it has taken effect; it returns the function that undoes it.
 */
export interface EtcdContainer extends AsyncDisposable {
  /** The id of the container, for `docker logs` and `docker exec`. */
  readonly id: string
  /** Its endpoint, for `etcdRegistry({ hosts })`. */
  readonly hosts: readonly string[]
  /** Ends etcd by SIGKILL: its connections break, and new ones are refused. The returned function starts it again on its data, and returns when it answers. */
  readonly kill: () => Promise<() => Promise<void>>
  /** Freezes etcd: its connections stay open, and nothing is answered. The returned function lets it go on. */
  readonly pause: () => Promise<() => Promise<void>>
  /** Kills etcd if it runs, starts it on its data, and returns when it answers. */
  readonly restart: () => Promise<void>
  /** Removes the container and its data. */
  readonly stop: () => Promise<void>
}
