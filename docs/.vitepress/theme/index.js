import TwoslashFloatingVue from '@shikijs/vitepress-twoslash/client'
import DefaultTheme from 'vitepress/theme-without-fonts'
import '@shikijs/vitepress-twoslash/style.css'
import './style.css'
import { LiveBoard } from './live-board.js'

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    app.use(TwoslashFloatingVue)
    app.component('LiveBoard', LiveBoard)
  },
}
