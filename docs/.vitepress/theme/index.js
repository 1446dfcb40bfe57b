import DefaultTheme from 'vitepress/theme-without-fonts'
import './style.css'
import { showHovers } from './hovers.js'
import { LiveBoard } from './live-board.js'

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    app.component('LiveBoard', LiveBoard)
    if (!import.meta.env.SSR) showHovers()
  },
}
