import { css } from 'lit'

/**
 * The styles of a board. Colours follow the system, or `theme="dark"` and `theme="light"`. First what is common; then the head, banners, filters, the fleet, the rail and the time
 * line. No comments inside: they would be sent to browsers.
 */
export const boardStyles = css`
  :host {
    color-scheme: light dark;
    --paper: light-dark(#f4f5f7, #0d1117);
    --surface: light-dark(#ffffff, #161b22);
    --raised: light-dark(#f9fafb, #1c222b);
    --line: light-dark(#dde1e6, #2b323c);
    --text: light-dark(#161b22, #e8edf2);
    --muted: light-dark(#586271, #9aa5b1);
    --accent: light-dark(#2f54d0, #8aabff);
    --up: light-dark(#12703f, #4cc38a);
    --up-soft: light-dark(#7cc79e, #2a7a55);
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
  .draining {
    --state: var(--draining);
  }
  .down {
    --state: var(--down);
  }
  .gone {
    --state: var(--gone);
  }
  .joined {
    --event: var(--up);
  }
  .left,
  .rejected-entry {
    --event: var(--down);
  }
  .updated,
  .operator {
    --event: var(--accent);
  }
  .stale,
  .replaced {
    --event: var(--draining);
  }

  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 12px 28px;
    padding: 14px 24px;
    background: var(--surface);
    border-bottom: 1px solid var(--line);
  }
  .title {
    display: flex;
    align-items: baseline;
    flex-wrap: wrap;
    gap: 2px 14px;
    margin-right: auto;
  }
  .title h2 {
    font-size: 20px;
    font-weight: 650;
    letter-spacing: -0.01em;
  }
  .pulse {
    display: inline-flex;
    align-items: center;
    gap: 7px;
    color: var(--muted);
    font-size: 13px;
  }
  .pulse strong {
    color: var(--text);
    font-weight: 600;
  }
  .pulse .lamp {
    width: 9px;
    height: 9px;
    border-radius: 50%;
    background: var(--gone);
  }
  .pulse.live .lamp {
    background: var(--up);
    animation: beat 2.4s ease-out infinite;
  }
  .pulse.stale .lamp {
    border-radius: 1px;
    background: var(--stale-line);
  }
  @keyframes beat {
    0% {
      box-shadow: 0 0 0 0 color-mix(in srgb, var(--up) 55%, transparent);
    }
    70%,
    100% {
      box-shadow: 0 0 0 8px transparent;
    }
  }
  .numbers {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
  }
  .number {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    min-width: 66px;
    padding: 4px 10px 3px;
    border: 1px solid transparent;
    border-radius: 8px;
  }
  button.number:hover {
    border-color: var(--line);
  }
  button.number[aria-pressed='true'] {
    border-color: var(--accent);
    background: var(--raised);
  }
  .number b {
    font-size: 24px;
    font-weight: 650;
    line-height: 1.1;
    letter-spacing: -0.02em;
  }
  .number.none b {
    color: var(--muted);
    font-weight: 500;
  }
  .number span {
    color: var(--muted);
    font-size: 12px;
  }
  .number:not(.none) b {
    color: var(--state);
  }

  .banner {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 14px;
    padding: 10px 24px;
    border-bottom: 1px solid;
  }
  .banner p {
    flex: 1 1 300px;
  }
  .banner b {
    font-size: 16px;
    margin-right: 10px;
  }
  .banner.stale {
    background: var(--stale-paper);
    border-color: var(--stale-line);
    color: var(--stale-text);
  }
  .banner.past {
    background: var(--past-paper);
    border-color: currentColor;
    color: var(--past-text);
  }
  .action {
    padding: 4px 12px;
    border: 1px solid var(--line);
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
    opacity: 0.45;
    cursor: default;
    border-color: var(--line);
  }

  .filters {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
    padding: 10px 24px;
  }
  .filters input[type='search'] {
    flex: 1 1 240px;
    max-width: 420px;
  }
  .filters input[type='search'],
  .filters select,
  .toggle {
    height: 34px;
    padding: 0 10px;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: 7px;
  }
  .filters select {
    max-width: 180px;
  }
  .filters select.set {
    border-color: var(--accent);
    color: var(--accent);
    font-weight: 600;
  }
  .toggle {
    display: inline-flex;
    align-items: center;
    gap: 7px;
    cursor: pointer;
  }
  .toggle input {
    margin: 0;
    accent-color: var(--accent);
  }
  .filters .found {
    margin-left: auto;
    color: var(--muted);
    font-size: 13px;
  }

  .body {
    display: grid;
    grid-template-columns: minmax(0, 1fr) 360px;
    gap: 20px;
    flex: 1;
    align-items: start;
    padding: 6px 24px 24px;
  }
  .group {
    display: flex;
    align-items: baseline;
    gap: 8px;
    margin: 8px 0 8px;
    font-size: 14px;
    font-weight: 650;
    color: var(--muted);
  }
  .group.sick {
    color: var(--down);
  }
  .services {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(296px, 1fr));
    gap: 10px;
    align-items: start;
    margin-bottom: 18px;
  }
  .service {
    position: relative;
    min-width: 0;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: 10px;
    content-visibility: auto;
    contain-intrinsic-size: auto 112px;
  }
  .service.open {
    grid-column: 1 / -1;
    contain-intrinsic-size: auto 480px;
  }
  .service.sick {
    border-color: color-mix(in srgb, var(--down) 45%, var(--line));
  }
  .service.sick::before {
    content: '';
    position: absolute;
    inset: -1px auto -1px -1px;
    width: 4px;
    border-radius: 10px 0 0 10px;
    background: var(--down);
  }
  .service.mild::before {
    background: var(--draining);
  }
  .service.mild {
    border-color: color-mix(in srgb, var(--draining) 45%, var(--line));
  }
  .service-head {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 2px 10px;
    padding: 10px 14px 11px;
  }
  .service h4 {
    font-size: 15px;
    font-weight: 620;
    min-width: 0;
  }
  .service h4 button {
    display: flex;
    align-items: center;
    gap: 7px;
    max-width: 100%;
    font-weight: inherit;
  }
  .service h4 button::before {
    content: '';
    flex: none;
    width: 7px;
    height: 7px;
    border: solid var(--muted);
    border-width: 0 1.5px 1.5px 0;
    transform: rotate(-45deg);
    transition: transform 0.12s;
  }
  .service h4 button[aria-expanded='true']::before {
    transform: rotate(45deg);
  }
  .service h4 button::after {
    content: '';
    position: absolute;
    inset: 0 0 auto;
    height: 62px;
  }
  .tally {
    font-size: 15px;
    font-weight: 600;
    white-space: nowrap;
  }
  .tally span {
    color: var(--muted);
    font-weight: 400;
  }
  .facts {
    display: flex;
    gap: 12px;
    min-width: 0;
    grid-column: 1 / -1;
    color: var(--muted);
    font-size: 12.5px;
    white-space: nowrap;
    overflow: hidden;
  }
  .facts .versions {
    flex: none;
    max-width: 60%;
  }
  .facts .recent {
    margin-left: auto;
    flex: none;
  }
  .squares {
    grid-column: 1 / -1;
    display: block;
    margin: 5px 0 3px;
    max-width: 100%;
  }
  .squares path {
    fill: var(--state);
  }
  .squares .up {
    fill: var(--up-soft);
  }
  .squares .gone {
    fill: none;
    stroke: var(--state);
    stroke-width: 1.4;
  }
  .dim .squares,
  .dim .numbers {
    opacity: 0.55;
    filter: saturate(0.35);
  }
  .ailing {
    position: relative;
    padding: 0 8px 8px;
  }
  .ailing button {
    display: grid;
    grid-template-columns: 82px minmax(0, 1fr) auto;
    gap: 8px;
    width: 100%;
    padding: 3px 6px;
    border-radius: 6px;
    font-size: 13px;
  }
  .ailing button:hover {
    background: var(--raised);
  }
  .ailing .more {
    padding: 2px 6px;
    font-size: 12.5px;
    color: var(--muted);
  }
  .cut,
  .wide,
  .facts span,
  h4 button span {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .state {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    white-space: nowrap;
    color: var(--state);
  }
  .state svg {
    flex: none;
    width: 11px;
    height: 11px;
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

  .scroll {
    overflow-x: auto;
    border-top: 1px solid var(--line);
  }
  table {
    width: 100%;
    border-collapse: collapse;
    font-size: 13.5px;
  }
  th,
  td {
    padding: 5px 10px;
    text-align: left;
    white-space: nowrap;
  }
  thead th {
    color: var(--muted);
    font-size: 12px;
    font-weight: 600;
    border-bottom: 1px solid var(--line);
  }
  tbody th {
    font-weight: 500;
  }
  tbody tr + tr > * {
    border-top: 1px solid color-mix(in srgb, var(--line) 60%, transparent);
  }
  tbody tr:hover {
    background: var(--raised);
  }
  tr.selected {
    background: color-mix(in srgb, var(--accent) 9%, var(--surface));
  }
  .fresh {
    background: var(--fresh);
  }
  tr.gone {
    color: var(--state);
  }
  tr.gone .name {
    text-decoration: line-through;
  }
  th .name {
    display: block;
  }
  .end {
    text-align: right;
  }
  .wide {
    max-width: min(260px, 30vw);
  }
  .chip {
    display: inline-block;
    padding: 0 7px;
    margin-right: 4px;
    border: 1px solid var(--line);
    border-radius: 9px;
    font-size: 12px;
    background: var(--raised);
  }
  .chip.warn {
    border-color: var(--draining);
    color: var(--draining);
  }
  .rejected {
    margin: 8px 14px 12px;
    font-size: 13px;
  }
  .rejected summary {
    cursor: pointer;
    color: var(--draining);
    width: fit-content;
  }
  .rejected li {
    padding: 4px 0 0 16px;
    overflow-wrap: anywhere;
  }
  .empty {
    padding: 56px 24px;
    text-align: center;
    color: var(--muted);
    border: 1px dashed var(--line);
    border-radius: 10px;
  }
  .empty b {
    display: block;
    margin-bottom: 4px;
    color: var(--text);
    font-size: 17px;
  }

  .rail {
    position: sticky;
    top: 8px;
    display: grid;
    gap: 14px;
    min-width: 0;
  }
  .panel {
    min-width: 0;
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: 10px;
  }
  .panel > header {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    padding: 10px 14px 8px;
  }
  .panel h3 {
    font-size: 15px;
    font-weight: 620;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .journal ol {
    max-height: min(60vh, 640px);
    overflow-y: auto;
    padding: 0 6px 8px;
  }
  .journal li {
    display: grid;
    grid-template-columns: 16px minmax(0, 1fr);
    gap: 8px;
    padding: 5px 8px;
    border-radius: 6px;
    font-size: 13px;
  }
  .journal .sign {
    color: var(--event);
    font-weight: 700;
    text-align: center;
  }
  .journal .what {
    overflow-wrap: anywhere;
  }
  .journal .when {
    display: block;
    color: var(--muted);
    font-size: 12px;
  }
  .note {
    padding: 0 14px 14px;
    color: var(--muted);
  }
  th .name:hover,
  .journal button:hover {
    color: var(--accent);
    text-decoration: underline;
  }
  .fields {
    display: grid;
    grid-template-columns: 92px minmax(0, 1fr);
    gap: 4px 10px;
    padding: 0 14px 12px;
    font-size: 13.5px;
  }
  .fields dt {
    color: var(--muted);
  }
  .fields dd {
    overflow-wrap: anywhere;
  }
  .fields pre {
    margin: 0;
    max-height: 220px;
    overflow: auto;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    font: inherit;
  }
  .close {
    padding: 2px 8px;
    border-radius: 6px;
    color: var(--muted);
    font-size: 18px;
    line-height: 1;
  }
  .operate {
    display: grid;
    gap: 8px;
    padding: 12px 14px;
    border-top: 1px solid var(--line);
    font-size: 13.5px;
  }
  .operate .row {
    display: flex;
    gap: 8px;
  }
  .warning {
    color: var(--down);
  }
  .ttl {
    display: block;
    width: 100%;
    height: 6px;
    margin-top: 4px;
    accent-color: var(--accent);
  }

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
  .track {
    position: relative;
    height: 46px;
  }
  .track svg {
    position: absolute;
    inset: 0 8px 16px;
    width: calc(100% - 16px);
    height: 30px;
    overflow: visible;
  }
  .track .base {
    stroke: var(--line);
    stroke-width: 1;
  }
  .track path {
    fill: var(--event);
  }
  .track .joined {
    fill: var(--up-soft);
  }
  .track input {
    position: absolute;
    inset: auto 0 0;
    width: 100%;
    height: 18px;
    margin: 0;
    accent-color: var(--accent);
  }
  .time .where {
    grid-column: 1 / -1;
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 2px 16px;
    font-size: 13px;
    color: var(--muted);
  }
  .time .where b {
    color: var(--text);
    font-weight: 600;
  }

  @media (max-width: 1100px) {
    .body {
      grid-template-columns: minmax(0, 1fr);
    }
    .rail {
      position: static;
    }
    .details {
      position: fixed;
      inset: auto 0 0;
      z-index: 3;
      max-height: 76vh;
      overflow-y: auto;
      border-radius: 14px 14px 0 0;
      box-shadow: 0 -10px 40px rgb(0 0 0 / 0.3);
    }
  }
  @media (max-width: 640px) {
    .head,
    .banner,
    .filters,
    .time {
      padding-inline: 14px;
    }
    .body {
      padding: 0 14px 16px;
    }
    .numbers {
      display: grid;
      grid-template-columns: repeat(4, 1fr);
      width: 100%;
    }
    .number {
      min-width: 0;
      padding-inline: 6px;
    }
    .number b {
      font-size: 20px;
    }
    .filters select {
      flex: 1 1 28%;
      max-width: none;
    }
    .filters input[type='search'] {
      flex-basis: 100%;
      max-width: none;
    }
    .services {
      grid-template-columns: minmax(0, 1fr);
    }
    .spare {
      display: none;
    }
    th,
    td {
      padding-inline: 7px;
    }
    .time {
      grid-template-columns: minmax(0, 1fr) auto;
    }
    .time .track {
      grid-column: 1 / -1;
      grid-row: 1;
      height: 36px;
    }
    .track svg {
      height: 20px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`
