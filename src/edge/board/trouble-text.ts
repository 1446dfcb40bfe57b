import { Disconnected } from '#internal/core/errors'

/** Why there is no answer, for people: a request that has failed is named by its host, not by its URL. */
export const troubleText = (error: Error): string => (error instanceof Disconnected && error.host !== undefined && error.message.includes(' failed: ') ? `${error.host} cannot be reached` : error.message)
