const digits = new Intl.NumberFormat('en')

/** A number for people: `9,000`. */
export const numberText = (value: number): string => digits.format(value)
