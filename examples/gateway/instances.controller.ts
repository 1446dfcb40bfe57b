import { request as ask, type IncomingHttpHeaders } from 'node:http'
import { pipeline } from 'node:stream'
import { All, Controller, Inject, Req, Res } from '@nestjs/common'
import type { Request, Response } from 'express'
import { InstanceDirectory } from './instance-directory.js'

/** Headers that belong to one connection (RFC 9110 §7.6.1). */
const ofConnection = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade']
const endToEnd = (headers: IncomingHttpHeaders): IncomingHttpHeaders => Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.includes(name)))

/** The path by which browsers reach instances: `/instances/orders/orders-1/list` is `/list` of that instance. The browser's balancer has chosen it. */
@Controller('instances')
export class InstancesController {
  constructor(@Inject(InstanceDirectory) private readonly directory: InstanceDirectory) {}

  @All(':service/:id/*path')
  forward(@Req() request: Request<{ service: string; id: string }>, @Res() response: Response): void {
    const { service, id } = request.params
    // Only what is discovered: a page cannot make the gateway call any other host.
    const instance = this.directory.find(service, id)
    if (instance === undefined) {
      // The browser's balancer tries another one.
      response.status(503).end()
      return
    }
    const { hostname, port } = new URL(`http://${instance.address}`)
    const path = `/${request.originalUrl.split('/').slice(4).join('/')}`
    const forwarded = ask({ hostname, port, path, method: request.method, headers: { ...endToEnd(request.headers), host: instance.address } }, answer => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
      pipeline(answer, response, () => undefined)
    })
    forwarded.on('error', () => (response.headersSent ? response.destroy() : response.status(502).end()))
    response.on('close', () => forwarded.destroy())
    request.pipe(forwarded)
  }
}
