import { css } from 'lit'

/** The time line of a board. */
export const timeSliderStyles = css`
  .time {
    position: sticky;
    bottom: 0;
    z-index: 2;
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto;
    align-items: center;
    gap: 6px 14px;
    padding: 10px 24px 12px;
    background: var(--surface);
    border-top: 1px solid var(--line);
  }
  .time .steps {
    display: flex;
    gap: 4px;
  }
  .time .steps button {
    width: 34px;
    height: 32px;
    padding: 0;
    display: grid;
    place-items: center;
  }
  .time .steps svg {
    width: 14px;
    height: 14px;
    fill: currentColor;
  }
  .line {
    min-width: 0;
  }
  .where {
    display: grid;
    padding: 0 8px 3px;
    font-size: 13px;
    color: var(--muted);
  }
  .where span {
    position: relative;
    left: var(--at);
    justify-self: start;
    transform: translateX(calc(-1 * var(--at)));
  }
  .where b {
    color: var(--text);
    font-weight: 600;
  }
  .track {
    position: relative;
    height: 44px;
    border-radius: 6px;
  }
  .track svg {
    position: absolute;
    inset: 0 8px 14px;
    width: calc(100% - 16px);
    height: 30px;
    overflow: visible;
  }
  .track .base {
    stroke: var(--edge);
    stroke-width: 1;
  }
  .track path {
    fill: var(--event);
  }
  .track .good,
  .key .good {
    --event: var(--up-soft);
  }
  .track input {
    position: absolute;
    inset: auto 0 0;
    width: 100%;
    height: 16px;
    margin: 0;
    accent-color: var(--accent);
  }
  .track input:focus-visible {
    outline: none;
  }
  .track:has(input:focus-visible) {
    outline: 2px solid var(--accent);
    outline-offset: 1px;
  }
  .axis {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 2px 16px;
    padding: 4px 8px 0;
    font-size: 13px;
    color: var(--muted);
  }
  .key span {
    display: inline-block;
    width: 8px;
    height: 8px;
    margin: 0 5px 0 12px;
    background: var(--event);
  }
  @media (max-width: 1100px) {
    .key {
      display: none;
    }
  }
  @media (max-width: 640px) {
    .time {
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 4px 14px;
      padding: 6px 14px 8px;
    }
    .line {
      grid-column: 1 / -1;
      grid-row: 1;
    }
    .track {
      height: 32px;
    }
    .track svg {
      height: 18px;
    }
  }
`
