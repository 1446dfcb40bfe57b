/** How long the popup stays after the pointer has left, ms, so that the pointer can reach it. */
const linger = 200

const element = (name, text, properties) => Object.assign(document.createElement(name), { textContent: text, ...properties })
/** The parts of a doc comment between backquotes are code. */
const docOf = text => {
  const doc = element('p', '')
  doc.append(...text.split('`').map((part, index) => (index % 2 === 1 ? element('code', part) : part)))
  return doc
}

/**
 * Shows the type of a name in a block while the pointer is on it, as `hovers.mjs` wrote it into the block. The popup lies outside of the block, so it is not copied with the code, and
 * nothing in it takes the focus. Escape closes it.
 */
export const showHovers = () => {
  const popup = element('div', '', { className: 'hover-popup', hidden: true })
  popup.setAttribute('role', 'tooltip')
  document.body.append(popup)

  let shown
  let place
  let timer
  const hide = () => {
    clearTimeout(timer)
    popup.hidden = true
    shown = undefined
  }
  const show = name => {
    const [type, doc] = JSON.parse(name.closest('[data-hovers]').dataset.hovers)[name.dataset.hover]
    popup.replaceChildren(element('pre', type), ...(doc === '' ? [] : [docOf(doc)]))
    popup.hidden = false
    shown = name
    place = name.getBoundingClientRect()
    const { left, top, bottom } = place
    const { width, height } = popup.getBoundingClientRect()
    const below = bottom + 4
    popup.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - width - 8))}px`
    popup.style.top = `${below + height <= innerHeight || top < height + 4 ? below : top - height - 4}px`
  }

  document.addEventListener('pointerover', ({ target }) => {
    const name = target.closest?.('[data-hover]')
    if (name) {
      clearTimeout(timer)
      if (name !== shown) show(name)
    } else if (popup.contains(target)) clearTimeout(timer)
  })
  document.addEventListener('pointerout', ({ target, pointerType }) => {
    // A finger that is lifted leaves the popup to be read.
    if (pointerType !== 'touch' && (target === shown || shown?.contains(target) || popup.contains(target))) {
      clearTimeout(timer)
      timer = setTimeout(hide, linger)
    }
  })
  document.addEventListener('pointerdown', ({ target }) => shown && !shown.contains(target) && !popup.contains(target) && hide())
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && hide())
  const hasMoved = () => {
    const { left, top } = shown.getBoundingClientRect()
    return left !== place.left || top !== place.top
  }
  // The event may come after the pointer has come to rest on a name that was scrolled to it.
  document.addEventListener('scroll', () => shown && hasMoved() && hide(), { capture: true, passive: true })
}
