import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { GatewayModule } from './gateway.module.js'

// Environment: ETCD_ENDPOINTS, ETCD_USER, ETCD_PASSWORD; PORT, HOST; PAGE, the folder of the built page
const { PORT = '3000', HOST = '127.0.0.1', PAGE = 'dist' } = process.env

// Bodies of requests are passed on to instances as they come.
const app = await NestFactory.create<NestExpressApplication>(GatewayModule, { bodyParser: false })
app.useStaticAssets(PAGE)
app.enableShutdownHooks()
await app.listen(PORT, HOST)
