import { css } from 'lit'

/** The instances of a service: a table, or on a narrow page one card each. */
export const instanceTableStyles = css`
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
    vertical-align: baseline;
  }
  thead th,
  .age,
  .state {
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
    min-width: 90px;
    overflow-wrap: anywhere;
  }
  td {
    overflow-wrap: anywhere;
  }
  .end {
    text-align: right;
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
    position: relative;
    margin: 4px 14px 12px;
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
  @media (min-width: 1600px) {
    table {
      table-layout: fixed;
    }
    thead th {
      width: 10%;
    }
    thead th:first-child,
    thead th:last-child {
      width: 20%;
    }
    thead .end {
      width: 76px;
    }
  }
  @media (max-width: 640px) {
    table,
    tbody {
      display: block;
    }
    thead {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    tbody tr {
      display: flex;
      flex-wrap: wrap;
      gap: 2px 12px;
      padding: 8px 14px;
    }
    tbody tr > * {
      padding: 0;
      border: 0 !important;
    }
    tbody tr + tr {
      border-top: 1px solid var(--line);
    }
    tbody th {
      flex: 1 1 calc(100% - 120px);
    }
    tbody td:empty {
      display: none;
    }
    tbody th + td {
      min-width: 108px;
      text-align: right;
    }
    .weight::before {
      content: 'weight ';
    }
    .age::before {
      content: 'age ';
    }
    .last {
      flex-basis: 100%;
    }
  }
`
