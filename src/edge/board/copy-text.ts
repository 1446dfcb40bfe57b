/** Copies a text. Emits whether the browser allows it: it does not on a page that came by HTTP from another machine, nor in some frames. */
export const copyText = async (text: string): Promise<boolean> => {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
