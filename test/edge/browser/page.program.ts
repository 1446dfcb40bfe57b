import { discover, type ServiceSet } from 'rx-discovery'
import { sseRegistry } from 'rx-discovery/browser'

// The page of the test in Chromium: it shows the service `web` as text, with the times at which it changed.
const query = new URLSearchParams(location.search)
const share = query.has('share')
const shown = (set: ServiceSet): string => [set.status, ...set.toArray().map(({ id, version }) => `${id}@${version}`)].join(' ')
const seen: { readonly text: string; readonly at: number }[] = []
Object.assign(globalThis, { seen })

discover(sseRegistry('/discovery', { share }), 'web').subscribe({
  next: set => {
    seen.push({ text: shown(set), at: Date.now() })
    document.body.textContent = shown(set)
    document.body.dataset['since'] = String(set.trouble?.since ?? '')
  },
  error: (error: unknown) => (document.body.textContent = `failed: ${String(error)}`),
})
