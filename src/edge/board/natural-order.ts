const collator = new Intl.Collator('en', { numeric: true })

/** The order of names for people: numbers by their size, so that `node9` comes before `node10`. Only the same text is equal. */
export const naturalOrder = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)
