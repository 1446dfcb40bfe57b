/** What a request asks for. */
export interface RequestTarget {
  readonly path: string
  readonly query: URLSearchParams
}

/** Reads the target of a request. Total, unlike `new URL`, which throws for `//`: an error that is thrown in a request handler ends the process. */
export const requestTarget = (target = '/'): RequestTarget => {
  const [, path = '', query = ''] = /^(?:https?:\/\/[^/?#]*)?([^?#]*)\??([^#]*)/i.exec(target) ?? []
  return { path, query: new URLSearchParams(query) }
}
