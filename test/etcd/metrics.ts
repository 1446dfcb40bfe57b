/** The sum of a metric in the text of `/metrics`, over all lines that contain `label`. */
export const sumOf = (text: string, name: string, label = ''): number =>
  text
    .split('\n')
    .filter(line => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)

/** How many watchers and open streams an etcd has. */
export const openIn = async (endpoint: string): Promise<{ readonly watchers: number; readonly watchStreams: number; readonly keepAliveStreams: number }> => {
  const text = await (await fetch(`${endpoint}/metrics`)).text()
  const streams = (method: string): number =>
    sumOf(text, 'grpc_server_started_total', `grpc_method="${method}"`) - sumOf(text, 'grpc_server_handled_total', `grpc_method="${method}"`)
  return {
    watchers: sumOf(text, 'etcd_debugging_mvcc_watcher_total'),
    watchStreams: streams('Watch'),
    keepAliveStreams: streams('LeaseKeepAlive'),
  }
}

/** How many calls of a method an etcd has received. */
export const startedIn = async (endpoint: string, method: string): Promise<number> =>
  sumOf(await (await fetch(`${endpoint}/metrics`)).text(), 'grpc_server_started_total', `grpc_method="${method}"`)

/** How many logins an etcd has answered, successful or not. */
export const authenticationsIn = (endpoint: string): Promise<number> => startedIn(endpoint, 'Authenticate')
