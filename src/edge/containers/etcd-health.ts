/** How long (ms) etcd may take for one answer. */
const answerWithin = 1_000

const answerOf = (url: string): Promise<string | undefined> =>
  fetch(url, { signal: AbortSignal.timeout(answerWithin) })
    .then(async answer => ({ ok: answer.ok, text: await answer.text() }))
    .then(
      ({ ok, text }) => (ok ? text : undefined),
      () => undefined,
    )

/** Whether a member answers a linearizable read: it serves clients, and reaches a leader and most of the members. */
export const isHealthy = (endpoint: string): Promise<boolean> => answerOf(`${endpoint}/health`).then(answer => answer !== undefined)

/** Whether a member leads. One that is cut off goes on claiming it for an election timeout, but cannot answer a linearizable read. Its metrics need no login. */
export const isLeading = async (endpoint: string): Promise<boolean> => {
  const metrics = await answerOf(`${endpoint}/metrics`)
  return metrics !== undefined && /^etcd_server_is_leader 1$/m.test(metrics) && isHealthy(endpoint)
}
