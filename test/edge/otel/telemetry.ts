import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { instrument } from 'rx-discovery/otel'

/** A sample as Prometheus reads it. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const samplesIn = (text: string): readonly Sample[] =>
  Array.from(text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm), ([, name = '', labels = '', value = '']) => ({
    name,
    labels: Object.fromEntries(Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, label = '', content = '']) => [label, content])),
    value: Number(value),
  }))

/** What is scraped, as text and as samples of the library. */
export interface Scrape {
  readonly text: string
  readonly samples: readonly Sample[]
  /** The sum of the samples with these labels. */
  readonly sum: (name: string, labels?: Sample['labels']) => number
}

/** The telemetry of this process: the real SDK, scraped over HTTP. */
export interface Telemetry {
  readonly scrape: () => Promise<Scrape>
  readonly spans: () => readonly ReadableSpan[]
  /** Ends the instrumentation, and nothing else. */
  readonly unsubscribe: () => void
  readonly close: () => Promise<void>
}

/** Begins to instrument the library. Only one at a time: the context manager is global. */
export const telemetry = async (): Promise<Telemetry> => {
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  const memory = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  // Without a timeout: it could close a connection at the moment at which the next scrape begins.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => exporter.getMetricsRequestHandler(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
  const instrumentation = instrument({ meterProvider, tracerProvider })
  return {
    scrape: async () => {
      const text = await (await fetch(url)).text()
      const samples = samplesIn(text).filter(({ name }) => name.startsWith('rx_discovery'))
      const sum = (name: string, labels: Sample['labels'] = {}): number =>
        samples
          .filter(sample => sample.name === name && Object.entries(labels).every(([label, content]) => sample.labels[label] === content))
          .reduce((total, { value }) => total + value, 0)
      return { text, samples, sum }
    },
    spans: () => memory.getFinishedSpans(),
    unsubscribe: () => instrumentation.unsubscribe(),
    close: async () => {
      instrumentation.unsubscribe()
      context.disable()
      await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()])
      server.close()
      server.closeAllConnections()
    },
  }
}
