import { RxDiscoveryBoard } from './rx-discovery-board.js'

// There are no custom elements on a server. Two copies of this module share one element.
const registered = (globalThis as { readonly customElements?: CustomElementRegistry }).customElements
if (registered?.get('rx-discovery-board') === undefined) registered?.define('rx-discovery-board', RxDiscoveryBoard)

export { RxDiscoveryBoard }
