/** A program of the menu. */
export interface Example {
  readonly name: string
  readonly title: string
  readonly code: string
}

/** The files of `examples/`; from `build.mjs`. */
declare const exampleFiles: readonly { readonly name: string; readonly code: string }[]

/** The programs of the menu. The first line of a file is its title, up to the colon. */
export const examples: readonly Example[] = exampleFiles.map(({ name, code }) => ({ name, code, title: /^\/\/ (.*?):/.exec(code)?.[1] ?? name }))
