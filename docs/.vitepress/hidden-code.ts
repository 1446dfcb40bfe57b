// What blocks of the pages leave out, because their readers know it: found by the page and the first line of the block. The blocks are compiled with it, and have types on hover (`blocks.ts`).

const registry = "import type { ClosableRegistry } from 'rx-discovery'\ndeclare const registry: ClosableRegistry\n"
const calling = `import { balance, discover, peakEwma, type ServiceInstance } from 'rx-discovery'\n${registry}`
const nestModule = "import { ServiceDiscoveryModule, sseController } from 'rx-discovery/nest'\n"

export const hiddenCode: readonly { readonly page: string; readonly block: string; readonly before: string }[] = [
  { page: 'README.md', block: 'const web = balance(', before: calling },
  { page: 'docs/express.md', block: 'const web = balance(', before: calling },
  { page: 'docs/express.md', block: 'const app = express()', before: "import express from 'express'\ndeclare const draining: boolean\n" },
  {
    page: 'docs/express.md',
    block: 'const port$ =',
    before: `import cluster from 'node:cluster'\nimport { map, Observable, switchMap } from 'rxjs'\nimport { advertise } from 'rx-discovery/node'\n${registry}`,
  },
  { page: 'docs/angular.md', block: 'TestBed.', before: "import { TestBed } from '@angular/core/testing'\nimport { provideServiceDiscovery } from 'rx-discovery/angular'\nimport { memoryRegistry } from 'rx-discovery/memory'\n" },
  { page: 'docs/etcd.md', block: 'import { etcdRegistry, pemFiles }', before: 'declare const vault: { read(path: string): Promise<string> }\n' },
  {
    page: 'docs/etcd.md',
    block: 'import { Channel, credentials',
    before: "import type { PeerCertificate } from 'node:tls'\ndeclare const ca: Buffer\ndeclare const key: Buffer\ndeclare const cert: Buffer\ndeclare const isPinned: (certificate: PeerCertificate) => boolean\n",
  },
  { page: 'docs/grpc.md', block: "import { Server, ServerCredentials }", before: registry },
  { page: 'docs/history.md', block: 'import { changes, history }', before: registry },
  { page: 'docs/history.md', block: 'import { retry, toArray }', before: `import { history } from 'rx-discovery'\n${registry}` },
  { page: 'docs/migration.md', block: '// registers', before: "import type { Etcd3 } from 'etcd3'\ndeclare const client: Etcd3\n" },
  { page: 'docs/migration.md', block: 'import { plain, register }', before: registry },
  { page: 'docs/migration.md', block: 'import { native, plain, register }', before: `import type { ServiceInstance } from 'rx-discovery'\ndeclare const instance: ServiceInstance\n${registry}` },
  { page: 'docs/nest.md', block: "ServiceDiscoveryModule.forFeature(['orders', {", before: `import { protect, roundRobin } from 'rx-discovery'\n${nestModule}` },
  { page: 'docs/nest.md', block: "ServiceDiscoveryModule.forRoot({ name: 'eu'", before: nestModule },
  {
    page: 'docs/nest.md',
    block: "ServiceDiscoveryModule.forRoot({ registration: { service: 'math' }",
    before: `import { NestFactory } from '@nestjs/core'\nimport { Transport } from '@nestjs/microservices'\nimport { ServiceDiscoveryModule, ServiceRegistration } from 'rx-discovery/nest'\nclass AppModule {}\n`,
  },
  { page: 'docs/nest.md', block: '@Module({\n  imports: [ServiceDiscoveryModule.forRoot({ registration: { service: \'gateway\'', before: `import { Module } from '@nestjs/common'\n${nestModule}` },
  {
    page: 'docs/nest.md',
    block: '@UseGuards(AuthGuard)',
    before: `import { UseGuards, type CanActivate } from '@nestjs/common'\n${nestModule}class AuthGuard implements CanActivate {\n  canActivate() {\n    return true\n  }\n}\n`,
  },
  { page: 'docs/reliability.md', block: "discover(registry, 'web').pipe(protect(", before: `import { changes, discover, protect, where } from 'rx-discovery'\n${registry}` },
  { page: 'docs/testing.md', block: 'record(registry, {', before: `import { record } from 'rx-discovery'\nimport { writeRecording } from 'rx-discovery/node'\n${registry}` },
  {
    page: 'docs/testing.md',
    block: 'const recording = readFileSync',
    before: "import { readFileSync } from 'node:fs'\nimport type { Observable } from 'rxjs'\nimport { expect, it } from 'vitest'\nimport { discover, type ServiceSet } from 'rx-discovery'\nimport { replayRegistry, virtually } from 'rx-discovery/testing'\ndeclare const pageOf: (set$: Observable<ServiceSet>) => { readonly warning: string; readonly close: () => void }\n",
  },
  {
    page: 'docs/testing.md',
    block: 'import { describe, expect, it }',
    before: "import type { Registry } from 'rx-discovery'\ndeclare const myRegistry: () => Registry\ndeclare const myServer: { readonly compact: () => void }\n",
  },
]
