/** What is printed once a board can be opened. */
export const boardLine = (url: string, json = false): string => (json ? `${JSON.stringify({ type: 'ui', url })}\n` : `board at ${url}\n`)
