/** The headers that allow a page of another origin to read. */
export const corsHeaders = (cors: boolean | readonly string[], origin: string | undefined): Readonly<Record<string, string>> => {
  if (cors === false) return {}
  if (cors === true) return { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'retry-after' }
  const allowed = origin !== undefined && cors.includes(origin)
  return { vary: 'origin', ...(allowed && { 'access-control-allow-origin': origin, 'access-control-expose-headers': 'retry-after' }) }
}

/** The further headers of the answer to `OPTIONS`. */
export const preflight = {
  'access-control-allow-methods': 'GET',
  'access-control-allow-headers': 'last-event-id, authorization',
  'access-control-max-age': '600',
}
