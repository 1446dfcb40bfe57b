import { css } from 'lit'

/** What all parts of a board share: colours, which follow the system or the `theme` attribute, texts, buttons and the signs of states. */
export const commonStyles = css`
  :host {
    color-scheme: light dark;
    --paper: light-dark(#f4f5f7, #0d1117);
    --surface: light-dark(#ffffff, #161b22);
    --raised: light-dark(#f9fafb, #1c222b);
    --line: light-dark(#dde1e6, #2b323c);
    --edge: light-dark(#828c99, #66717f);
    --text: light-dark(#161b22, #e8edf2);
    --muted: light-dark(#586271, #9aa5b1);
    --accent: light-dark(#2f54d0, #8aabff);
    --up: light-dark(#12703f, #4cc38a);
    --up-soft: light-dark(#33996a, #2f8a60);
    --starting: light-dark(#1260ba, #63b0ff);
    --draining: light-dark(#8a5700, #f0b440);
    --down: light-dark(#bf1f2b, #ff7b76);
    --gone: light-dark(#5a6471, #8d98a5);
    --stale-paper: light-dark(#fff1cf, #3a2c08);
    --stale-line: light-dark(#d99b12, #b07d10);
    --stale-text: light-dark(#5c3d00, #ffdf9b);
    --past-paper: light-dark(#e6ecff, #1b2547);
    --past-text: light-dark(#24399b, #bfcdff);
    --fresh: light-dark(#fff6d6, #33290d);
    display: flex;
    flex-direction: column;
    min-height: 100%;
    box-sizing: border-box;
    background: var(--paper);
    color: var(--text);
    font: 14px/1.45 system-ui, sans-serif;
    font-variant-numeric: tabular-nums;
  }
  :host([theme='light']) {
    color-scheme: light;
  }
  :host([theme='dark']) {
    color-scheme: dark;
  }
  :host([hidden]) {
    display: none;
  }
  * {
    box-sizing: border-box;
  }
  h2,
  h3,
  h4,
  p,
  ol,
  ul,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }
  ol,
  ul {
    list-style: none;
  }
  button,
  input,
  select {
    font: inherit;
    color: inherit;
  }
  button {
    padding: 0;
    background: none;
    border: 0;
    text-align: left;
    cursor: pointer;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  ::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  .unseen {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .mono {
    font-family: ui-monospace, Menlo, Consolas, monospace;
    font-size: 0.93em;
  }
  .muted {
    color: var(--muted);
  }
  .up {
    --state: var(--up);
  }
  .starting {
    --state: var(--starting);
  }
  .draining,
  .unreadable {
    --state: var(--draining);
  }
  .down {
    --state: var(--down);
  }
  .gone {
    --state: var(--gone);
  }
  .good {
    --event: var(--up);
  }
  .bad {
    --event: var(--down);
  }
  .other {
    --event: var(--accent);
  }
  .trouble {
    --event: var(--draining);
  }
  .state {
    white-space: nowrap;
    color: var(--state);
  }
  .state svg {
    width: 11px;
    height: 11px;
    margin-right: 6px;
    vertical-align: -1px;
    fill: currentColor;
  }
  .state.down {
    font-weight: 600;
  }
  .state.gone svg {
    fill: none;
    stroke: currentColor;
    stroke-width: 1.6;
  }
  .action {
    padding: 4px 12px;
    text-align: center;
    border: 1px solid var(--edge);
    border-radius: 6px;
    background: var(--surface);
    color: var(--text);
  }
  .action:hover {
    border-color: var(--accent);
  }
  .action.strong {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--surface);
    font-weight: 600;
  }
  .action:disabled {
    background: none;
    border: 1px dashed var(--edge);
    color: var(--muted);
    font-weight: 400;
    cursor: default;
  }
  @media (max-width: 640px) {
    .spare {
      display: none;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`
