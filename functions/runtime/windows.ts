import { UserMistake } from './errors.ts';

/** The windows of a table. Times are in milliseconds. */
export interface TableWindows {
  readonly kind: 'tumbling' | 'hopping' | 'session';
  /**
   * How long a window is and how long after it the next one begins; of a session both are its gap. Undefined where the
   * state's shape says it.
   */
  readonly sizeMillis?: number | undefined;
  readonly advanceMillis?: number | undefined;
  /** Of a session: how long a key is silent before its session ends. 0 for other windows. */
  readonly gapMillis: number;
  /** How long after the end of a window its events may come. */
  readonly graceMillis: number;
  /** How long after its end a window is kept. At least as long as it takes events. */
  readonly retentionMillis: number;
  /**
   * Windows that ended by then may have been dropped, in milliseconds since 1970: the table has kept them for a shorter
   * time before. Undefined: it has not.
   */
  readonly goneMillis?: number | undefined;
  /** How far ahead of its arrival an event may be dated; 5 minutes by default. */
  readonly aheadMillis?: number | undefined;
  /** When a row's changes go into the change stream: with every change, or once, when the window closes. */
  readonly emit: 'changes' | 'final';
}

/** The time of one window, in milliseconds since 1970. Of a session: the times of its first and its last event. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** The windows of a table in TypeScript. All times are in milliseconds. */
export interface WindowOptions {
  /** How long a window is. */
  readonly size: number;
  /** How long after the end of a window its events may come; 24 hours by default. */
  readonly grace?: number;
  /** How long after its start a window is kept: by default 7 days, or as long as it takes events if that is longer. */
  readonly retention?: number;
  /** How far ahead of its arrival an event may be dated; 5 minutes by default. */
  readonly ahead?: number;
  /** When changes go into the change stream: with every change (the default), or once, when a window closes. */
  readonly emit?: 'changes' | 'final';
}

/** The windows of a table, and which of them an event belongs to. */
export interface Windowing {
  readonly windows: TableWindows;
  /** Returns the windows of a time, the earliest first. */
  windowsOf(millis: number): readonly Window[];
}

/** Windows of one size, one after the other, aligned to 1970-01-01 UTC: `tumbling({ size: 15 * 60_000 })`. */
export function tumbling(options: WindowOptions): Windowing {
  return windowing('tumbling', { ...options, advance: options.size });
}

/** Windows of one size, of which another one begins every `advance`: an event belongs to several. */
export function hopping(options: WindowOptions & { readonly advance: number }): Windowing {
  return windowing('hopping', options);
}

/**
 * Sessions: the events of a key that are no more than `gap` apart. A session begins and ends with the times of its
 * first and last event, and closes when `gap` and `grace` are over after its end. `retention` counts from its end.
 */
export function session({ gap, ...options }: Omit<WindowOptions, 'size'> & { readonly gap: number }): Windowing {
  refuseNoLength('gap of a session', gap);
  const { grace = DAY_MILLIS, retention = Math.max(7 * DAY_MILLIS, gap + grace) } = options;
  const { windows } = windowing('tumbling', { ...options, size: gap, advance: gap, grace, retention });
  return {
    windows: { ...windows, kind: 'session', gapMillis: gap, retentionMillis: retention },
    windowsOf: (millis) => [{ start: millis, end: millis }],
  };
}

const HOUR_MILLIS = 3_600_000;
const DAY_MILLIS = 24 * HOUR_MILLIS;

/** How far ahead of its arrival an event may be dated, where the table does not say so. */
export const AHEAD_MILLIS = 5 * 60_000;

/** The most windows of one event: it changes a row in each. */
const MOST_WINDOWS = 300;

function windowing(
  kind: 'tumbling' | 'hopping',
  {
    size,
    advance,
    grace = DAY_MILLIS,
    retention,
    ahead,
    emit = 'changes',
  }: WindowOptions & { readonly advance: number },
): Windowing {
  refuseBad({ size, advance, grace, retention, ahead });
  const kept = retention ?? Math.max(7 * DAY_MILLIS, size + grace);
  if (kept < size + grace)
    throw new UserMistake(
      `the windows are kept for ${kept} ms, and take events for ${size + grace} ms (size and grace): raise retention to that`,
    );
  return {
    windows: {
      kind,
      sizeMillis: size,
      advanceMillis: advance,
      gapMillis: 0,
      graceMillis: grace,
      retentionMillis: kept - size,
      ...(ahead === undefined ? {} : { aheadMillis: ahead }),
      emit,
    },
    windowsOf(millis) {
      const found: Window[] = [];
      for (let start = Math.floor(millis / advance) * advance; start > millis - size; start -= advance)
        found.unshift({ start, end: start + size });
      return found;
    },
  };
}

function refuseBad({ size, advance, ...rest }: Record<'size' | 'advance', number> & Record<string, unknown>): void {
  for (const [name, value] of Object.entries({ size, advance })) refuseNoLength(`${name} of a window`, value);
  for (const [name, value] of Object.entries(rest))
    if (value !== undefined && value !== 0 && !isLength(value))
      throw new UserMistake(`${name} of a window is ${value}: use a whole number of milliseconds, or 0`);
  if (advance > size)
    throw new UserMistake(
      `advance of a window is ${advance} ms, more than its size of ${size} ms: events between two windows would be in none`,
    );
  if (size / advance > MOST_WINDOWS)
    throw new UserMistake(
      `an event is in ${Math.ceil(size / advance)} windows, at most ${MOST_WINDOWS} are possible: raise advance`,
    );
}

function isLength(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function refuseNoLength(what: string, value: number): void {
  if (!isLength(value)) throw new UserMistake(`${what} is ${value}: use a whole number of milliseconds`);
}
