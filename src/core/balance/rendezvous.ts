// below what any weight and hash give: those of weight 0 come last, among themselves in the order of their hashes
const weightless = -1e6

/**
 * How high a candidate of `weight` ranks whose hash under a key is `hashed`: the logarithm of −w / ln u, u uniform in (0, 1), since the quotient itself
 * overflows at weights that numbers can have.
 */
export const score = (hashed: number, weight = 1): number =>
  (weight > 0 ? (weight === 1 ? 0 : Math.log(weight)) : weightless) - Math.log(-Math.log((hashed + 0.5) / 2 ** 32))
