import { wholeNumberOf } from './whole-number-of.js'

/** Reads the value of an option that is a revision. Throws `InvalidArgument` with the name of the option. */
export const revisionOf = (option: string, given: string): number => wholeNumberOf(option, given, ' (watch and list --wide print revisions)')
