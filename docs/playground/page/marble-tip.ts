/** Shows the whole value of the marble that is pointed at or focused. */
export const marbleTip = (host: HTMLElement): { readonly hide: () => void } => {
  const tip = document.createElement('div')
  tip.className = 'tip'
  // The label of the marble says the same.
  tip.setAttribute('aria-hidden', 'true')
  tip.hidden = true
  document.body.append(tip)

  const hide = (): void => void (tip.hidden = true)
  const show = ({ target }: Event): void => {
    const marble = target instanceof Element ? target.closest<HTMLElement>('.marble') : null
    if (marble === null) return hide()
    const [at, text] = [document.createElement('b'), document.createElement('pre')]
    at.textContent = marble.dataset['at'] ?? ''
    text.textContent = marble.dataset['text'] ?? ''
    tip.replaceChildren(at, text)
    tip.hidden = false
    const [from, own] = [marble.getBoundingClientRect(), tip.getBoundingClientRect()]
    const below = from.bottom + 8
    tip.style.left = `${Math.max(8, Math.min(from.left, innerWidth - own.width - 8))}px`
    tip.style.top = `${below + own.height > innerHeight ? Math.max(8, from.top - own.height - 8) : below}px`
  }
  for (const type of ['pointerover', 'focusin']) host.addEventListener(type, show)
  for (const type of ['pointerleave', 'focusout']) host.addEventListener(type, hide)
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide()
  })
  return { hide }
}
