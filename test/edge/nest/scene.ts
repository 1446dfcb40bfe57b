/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as classes, and documents object literals */
import type { DynamicModule, INestApplication, INestApplicationContext, INestMicroservice, LoggerService } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Transport, type MicroserviceOptions } from '@nestjs/microservices'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { afterEach } from 'vitest'
import type { Platform } from './roll.js'

export { named } from './roll.js'

/** What the module logs, without its context and without what Nest logs. */
export const recorder = (): { readonly logger: LoggerService; readonly lines: readonly string[] } => {
  const lines: string[] = []
  const note = (level: string) => (message: unknown, ...rest: readonly unknown[]): void => {
    if (['ServiceDiscoveryModule', 'ServiceRegistration'].includes(String(rest.at(-1)))) lines.push(`${level} ${String(message)}`)
  }
  return { logger: { log: note('log'), warn: note('warn'), error: note('error') }, lines }
}

const open: INestApplicationContext[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(app => app.close()))
})
const kept = <A extends INestApplicationContext>(app: A): A => {
  open.push(app)
  return app
}

/** An app with an HTTP server, which is closed after the test. */
export const httpApp = async (root: DynamicModule, platform: Platform = 'express', logger: LoggerService | false = false): Promise<INestApplication> =>
  kept(await NestFactory.create(root, platform === 'express' ? new ExpressAdapter() : new FastifyAdapter(), { logger, return503OnClosing: true, abortOnError: false }))

/** An app without a server, which is closed after the test. */
export const bareApp = async (root: DynamicModule, logger: LoggerService | false = false): Promise<INestApplicationContext> =>
  kept(await NestFactory.createApplicationContext(root, { logger, abortOnError: false }))

/** A TCP microservice on a free port; the test closes it. */
export const tcpApp = (root: DynamicModule): Promise<INestMicroservice> =>
  NestFactory.createMicroservice<MicroserviceOptions>(root, { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 }, logger: false })
