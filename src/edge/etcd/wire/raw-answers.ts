import type { CallOptions } from '@grpc/grpc-js'

type Intercepting = NonNullable<CallOptions['interceptors']>[number]

const raw: Intercepting = (options, nextCall) => {
  const call = nextCall(options)
  const { method_definition: method } = options
  // The call decodes by its method definition. If a version of grpc-js does not, the decoded message is encoded again: slower, with the same result.
  Object.assign(call, { methodDefinition: { ...method, responseDeserialize: (bytes: Buffer) => bytes } })
  const encode = (message: unknown): unknown => (method as unknown as { readonly responseSerialize: (message: unknown) => Buffer }).responseSerialize(message)
  const start = call.start.bind(call)
  call.start = (metadata, listener) =>
    start(metadata, {
      ...listener,
      onReceiveMessage: (message: unknown) =>
        listener?.onReceiveMessage?.(message === null || Buffer.isBuffer(message) ? message : encode(message)),
    })
  return call as never
}

/**
 * Options of an RPC whose answer stays bytes. etcd3 decodes a whole message at once, with ten objects and five strings a key:
 * 100,000 keys block the event loop for 300 ms.
 */
export const inBytes = (options: CallOptions): CallOptions => ({ ...options, interceptors: [...(options.interceptors ?? []), raw] })

/** Makes a call whose answer stays bytes. */
export const bytes = <T>(options: CallOptions, run: (options: CallOptions) => Promise<T>): Promise<Buffer> =>
  run(inBytes(options)) as Promise<unknown> as Promise<Buffer>
