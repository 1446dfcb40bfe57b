/** The number that a text of the command line is; `NaN` if it is none. */
export const numberOf = (text: string): number => (text.trim() === '' ? NaN : Number(text))
