import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { firstValueFrom, timeout, type Observable } from 'rxjs'
import { afterEach } from 'vitest'
import { serviceInstance, type ServiceInstance } from 'rx-discovery'

/** Teardowns, run in reverse order after each test. */
export const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Waits until `condition` holds. */
export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5))
}

/** Starts a server, and tracks its open connections. */
export const listening = async (server: Server, host = '127.0.0.1') => {
  const open = new Set<Socket>()
  let accepted = 0
  server.on('connection', socket => {
    accepted += 1
    open.add(socket.on('close', () => open.delete(socket)).on('error', () => undefined))
  })
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  ends.push(() => {
    for (const socket of open) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { port, address: `${host}:${port}`, open, accepted: () => accepted }
}

/** An address on which no server listens. */
export const vacant = async (): Promise<string> => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return `127.0.0.1:${port}`
}

/** An instance at an address. */
export const at = (address: string, endpoints: Readonly<Record<string, string>> = {}): ServiceInstance =>
  serviceInstance({ service: 'web', id: 'node1', address, endpoints })

/** How a check ends: its first value, `complete`, or its error. */
export const outcome = async (check: Observable<unknown>): Promise<unknown> => {
  try {
    return await firstValueFrom(check.pipe(timeout({ first: 20_000 })), { defaultValue: 'complete' })
  } catch (error) {
    return error
  }
}
