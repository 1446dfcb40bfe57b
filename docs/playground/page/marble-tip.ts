/** The whole value of the marble that is pointed at or focused. */
export interface MarbleTip {
  readonly isShown: () => boolean
  /** Stands beside its marble again, after that has moved; hides if the marble is gone. */
  readonly move: () => void
}

/** Shows it for the marbles in an element. */
export const marbleTip = (host: HTMLElement): MarbleTip => {
  const tip = document.createElement('div')
  tip.className = 'tip'
  // The label of the marble says the same.
  tip.setAttribute('aria-hidden', 'true')
  tip.hidden = true
  document.body.append(tip)
  let marble: HTMLElement | null = null

  const hide = (): void => {
    marble = null
    tip.hidden = true
  }
  const move = (): void => {
    if (marble === null) return
    if (!marble.isConnected) {
      hide()
      return
    }
    const [from, own] = [marble.getBoundingClientRect(), tip.getBoundingClientRect()]
    const below = from.bottom + 8
    tip.style.left = `${Math.max(8, Math.min(from.left, innerWidth - own.width - 8))}px`
    tip.style.top = `${below + own.height > innerHeight ? Math.max(8, from.top - own.height - 8) : below}px`
  }
  const show = ({ target }: Event): void => {
    marble = target instanceof Element ? target.closest<HTMLElement>('.marble') : null
    if (marble === null) {
      hide()
      return
    }
    const [at, text] = [document.createElement('b'), document.createElement('pre')]
    at.textContent = marble.dataset['at'] ?? ''
    text.textContent = marble.dataset['text'] ?? ''
    tip.replaceChildren(at, text)
    tip.hidden = false
    move()
  }
  for (const type of ['pointerover', 'focusin']) host.addEventListener(type, show)
  for (const type of ['pointerleave', 'focusout']) host.addEventListener(type, hide)
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') hide()
  })
  return { isShown: () => marble !== null, move }
}
