/** The first names of a list, at most `most`, and how many there are besides. */
export const someOf = (names: readonly string[], most = 5): string => `${names.slice(0, most).join(', ')}${names.length > most ? ` and ${names.length - most} more` : ''}`
