import { PORTION, type PortionBounds } from '../log/portion.ts';
import { MOST_PAGE_BYTES } from '../sink.ts';

/**
 * The bounds of the portions of a step that keeps rows. A row is read, written and published once a portion, however
 * many of its events meet the row: so a portion is large, as long as what it publishes fits into one page.
 */
export interface TablePortion {
  readonly bounds: PortionBounds;
  /** Notes how much a portion has published. */
  note(portion: { readonly events: number; readonly pageBytes: number }): void;
}

const MOST_EVENTS = 4 * PORTION.events;
const FEWEST_EVENTS = 1_000;

/** A page that is full ends the portion early, and the rest of its events is decoded again: so leave some room. */
const FULL = 0.9 * MOST_PAGE_BYTES;

export function openTablePortion(): TablePortion {
  let most = MOST_EVENTS;
  return {
    bounds: {
      ...PORTION,
      get events() {
        return most;
      },
    },
    note({ events, pageBytes }) {
      const fitting = pageBytes === 0 ? MOST_EVENTS : Math.floor((events * FULL) / pageBytes);
      most = Math.min(MOST_EVENTS, Math.max(FEWEST_EVENTS, fitting));
    },
  };
}
