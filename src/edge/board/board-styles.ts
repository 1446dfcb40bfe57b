import type { CSSResultGroup } from 'lit'
import { commonStyles } from './common-styles.js'
import { filterBarStyles } from './filter-bar-styles.js'
import { headStyles } from './head-styles.js'
import { instanceTableStyles } from './instance-table-styles.js'
import { railStyles } from './rail-styles.js'
import { serviceCardStyles } from './service-card-styles.js'
import { timeSliderStyles } from './time-slider-styles.js'

/** The styles of a board, what is common first. They hold no comments, which would be sent to browsers. */
export const boardStyles: CSSResultGroup = [commonStyles, headStyles, filterBarStyles, serviceCardStyles, instanceTableStyles, railStyles, timeSliderStyles]
