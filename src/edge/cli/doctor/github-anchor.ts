/** The anchor that GitHub gives to a heading, so that a link works there and on the site of the docs. */
export const githubAnchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
