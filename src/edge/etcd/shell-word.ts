/** A text as one word of a command line, so that a command that is printed can be pasted into a shell. */
export const shellWord = (text: string): string => (/^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
