import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { docsApp } from './docs-app.js'

let app: Awaited<ReturnType<typeof docsApp>>
let orders: Server
beforeAll(async () => {
  app = await docsApp()
  orders = createServer((_, response) => response.end('order 7')).listen(0, '127.0.0.1')
}, 120_000)
afterAll(() => {
  app.remove()
  orders.close()
  orders.closeAllConnections()
})

it('the app of docs/nest.md passes its own test: it calls a discovered service, registers, and leaves no lease', async () => {
  const { test } = (await import(app.files['shop.test'] ?? '')) as { readonly test: (orders: string) => Promise<{ readonly keys: readonly string[] }> }
  const address = `127.0.0.1:${(orders.address() as AddressInfo).port}`
  const { keys, ...result } = await test(address)
  expect(result).toEqual({ order: 'order 7', instances: JSON.stringify([address]), registration: 'registered', leases: 0 })
  expect(keys).toContainEqual(expect.stringMatching(/^\/rx-discovery\/shop\//))
})

it('it has the files of an app', () => {
  expect(Object.keys(app.files).sort()).toEqual(['app.module', 'main', 'shop.controller', 'shop.test'])
})
