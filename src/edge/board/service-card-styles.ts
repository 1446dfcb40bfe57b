import { css } from 'lit'

/** The services of a board. */
export const serviceCardStyles = css`
  .body {
    display: grid;
    grid-template-columns: minmax(0, 1fr) 360px;
    gap: 20px;
    flex: 1;
    align-items: start;
    align-content: start;
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
    overflow-wrap: anywhere;
  }
  .service h4 button {
    display: flex;
    gap: 7px;
    max-width: 100%;
    font-weight: inherit;
  }
  .service h4 button::before {
    content: '';
    flex: none;
    width: 7px;
    height: 7px;
    margin-top: 7px;
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
    overflow-wrap: anywhere;
  }
  .kinds {
    display: flex;
    flex-wrap: wrap;
    gap: 0 12px;
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
  .dim .up {
    --state: var(--gone);
  }
  .dim .squares .up {
    fill: var(--edge);
  }
  .ailing {
    position: relative;
    padding: 0 8px 8px;
  }
  .ailing button {
    display: grid;
    grid-template-columns: 82px minmax(0, 1fr) auto;
    align-items: baseline;
    gap: 8px;
    width: 100%;
    padding: 3px 6px;
    border-radius: 6px;
    font-size: 13px;
    overflow-wrap: anywhere;
  }
  .ailing button:hover {
    background: var(--raised);
  }
  .ailing .more {
    padding: 2px 6px;
    font-size: 12.5px;
    color: var(--muted);
  }
  @media (max-width: 1100px) {
    .body {
      grid-template-columns: minmax(0, 1fr);
    }
  }
  @media (max-width: 640px) {
    .body {
      padding: 0 14px 16px;
    }
    .services {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`
