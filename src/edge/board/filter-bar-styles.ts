import { css } from 'lit'

/** The filters of a board: on a narrow page they fold. */
export const filterBarStyles = css`
  .filters {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px;
    padding: 10px 24px;
  }
  .choices {
    display: contents;
  }
  .filters input[type='search'] {
    flex: 1 1 200px;
    max-width: 320px;
  }
  .filters input:not([type='checkbox']),
  .filters select,
  .filters .action,
  .toggle {
    height: 34px;
    padding: 0 10px;
    background: var(--surface);
    border: 1px solid var(--edge);
    border-radius: 7px;
  }
  .filters select {
    max-width: 150px;
  }
  .filters input[list] {
    width: 196px;
  }
  .filters .fold {
    display: none;
  }
  .filters .copy {
    margin-left: auto;
  }
  .filters .address {
    flex: 1 1 220px;
  }
  .filters .set {
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
    display: flex;
    flex: 1 0 100%;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 12px;
    color: var(--muted);
    font-size: 13px;
  }
  .filters .found .action {
    height: 26px;
  }
  @media (max-width: 640px) {
    .filters {
      padding: 8px 14px;
    }
    .filters .fold {
      display: block;
    }
    .filters:not(.unfolded) .choices {
      display: none;
    }
    .filters select,
    .filters input[list],
    .toggle,
    .filters .copy {
      flex: 1 1 0;
      min-width: calc(50% - 4px);
      margin: 0;
    }
    .filters input[list] {
      min-width: 100%;
    }
  }
`
