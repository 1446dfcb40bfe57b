import type { BoardMoment } from './board-moment.js'

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** A duration for people: `12 s`, `3 min`, `2 h 5 min`, `4 d`. */
export const durationText = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const at = units.findIndex(([, size]) => seconds >= size)
  const [unit, size] = units[at] ?? ['s', 1]
  const [smaller, part] = units[at + 1] ?? ['', 1]
  const rest = Math.floor((seconds % size) / part)
  const first = `${Math.floor(seconds / size)} ${unit}`
  return unit === 'h' && rest > 0 ? `${first} ${rest} ${smaller}` : first
}

const two = (value: number): string => String(value).padStart(2, '0')

/** A time of the day, with the date if that is another one than that of `now`. */
export const clockText = (at: number, now: number, seconds = true): string => {
  const date = new Date(at)
  const time = `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ''}`
  const isToday = date.toDateString() === new Date(now).toDateString()
  return isToday ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`
}

/** When a moment or a line was seen: a time, or before which one. */
export const whenText = ({ at }: Pick<BoardMoment, 'at'>, since: number, now: number): string => (at === undefined ? `before ${clockText(since, now, false)}` : clockText(at, now))
