import { css } from 'lit'

/** The head of a board, and the banners below it. */
export const headStyles = css`
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
  .pulse.stopped .lamp,
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
  .brief {
    display: none;
    flex-wrap: wrap;
    gap: 2px 7px;
    font-size: 12.5px;
  }
  .brief .state {
    font-weight: 600;
  }
  .brief svg {
    margin-right: 3px;
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
  @media (max-width: 640px) {
    .head,
    .banner {
      padding: 8px 14px;
    }
    .head {
      gap: 4px 12px;
    }
    .title {
      gap: 2px 10px;
    }
    .title h2 {
      font-size: 17px;
    }
    .brief {
      display: flex;
    }
    .head:not(.unfolded) .numbers {
      display: none;
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
      font-size: 18px;
    }
  }
`
