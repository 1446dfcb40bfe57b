import { css } from 'lit'

/** The journal, and the details of an instance. */
export const railStyles = css`
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
    max-height: max(240px, 100vh - 330px);
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
  @media (max-width: 1100px) {
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
`
