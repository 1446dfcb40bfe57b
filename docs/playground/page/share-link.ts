/** How long the code of a link is at most, bytes; a small link could unpack to any length. */
const longest = 100_000

const gathered = async (stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array | undefined> => {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    length += value.length
    if (length <= most) continue
    await reader.cancel()
    return undefined
  }
  const all = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** The fragment of a URL that holds a program: compressed, in base64url. Nothing is sent to a server. */
export const fragmentOf = async (code: string): Promise<string> => {
  const packed = await gathered(new Blob([code]).stream().pipeThrough(new CompressionStream('deflate-raw')), Infinity)
  const base64 = btoa(Array.from(packed ?? [], byte => String.fromCharCode(byte)).join(''))
  return `#code=${base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`
}

/** The program in a fragment; `undefined`: there is none. Errors if there is one that cannot be read. */
export const codeOf = async (fragment: string): Promise<string | undefined> => {
  const base64url = /^#code=(.*)$/.exec(fragment)?.[1]
  if (base64url === undefined) return undefined
  try {
    const packed = Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), each => each.charCodeAt(0))
    const bytes = await gathered(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw')), longest)
    if (bytes !== undefined) return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // Reported below.
  }
  throw new Error(`This link holds no program that can be read (it may be cut off, or longer than ${longest / 1_000} kB). Ask for it again.`)
}
