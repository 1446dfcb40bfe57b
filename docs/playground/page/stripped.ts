import { transform } from 'sucrase'

/** A program without its types, with the same lines. Throws if it is no TypeScript. */
export const stripped = (code: string): string => transform(code, { transforms: ['typescript'], disableESTransforms: true, filePath: 'playground.ts' }).code
