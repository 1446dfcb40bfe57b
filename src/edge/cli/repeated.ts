/** Collects the values of an option that can be repeated. */
export const repeated = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value]
