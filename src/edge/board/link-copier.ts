import { html, type TemplateResult } from 'lit'

/** What became of a link that is to be copied: `refused` by the browser, so that it is shown. */
export type CopiedLink = 'none' | 'copied' | 'refused'

/** What the button shows. */
export interface LinkCopierState {
  readonly url: () => string
  readonly copied: CopiedLink
  readonly copy: () => void
}

const selectAll = (event: Event): void => (event.target as HTMLInputElement).select()

/** The button that copies a link to what is shown. */
export const linkCopier = ({ url, copied, copy }: LinkCopierState): TemplateResult =>
  copied === 'refused'
    ? html`<input class="address" readonly aria-label="The link: copy it by hand" .value=${url()} @focus=${selectAll} />`
    : html`<button type="button" class="action copy" title="A link to what you see, with its filters" @click=${copy}>${copied === 'copied' ? 'Copied' : 'Copy link'}</button>`
