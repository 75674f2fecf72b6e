import { UserMistake } from '../../functions/runtime/errors.ts';

/** Parses where reading starts: `earliest`, `latest`, a time, or how long ago (`-15m`). Throws a `UserMistake`. */
export function parseStart(text: string, nowMillis: number): 'earliest' | Date {
  const start = startIn(text, nowMillis);
  if (start !== undefined) return start;
  throw new UserMistake(
    `invalid position '${text}'; use earliest, latest, a time (2026-01-31T23:59:00Z), or how long ago (-90s, -15m, -2h, -1d)`,
  );
}

/** Parses a start as `parseStart` does. Undefined when the text is none. */
export function startIn(text: string, nowMillis: number): 'earliest' | Date | undefined {
  if (text === 'earliest') return 'earliest';
  if (text === 'latest') return new Date(nowMillis);
  const ago = /^-(\d+)(s|m|h|d)$/.exec(text);
  if (ago !== null) return new Date(nowMillis - Number(ago[1]) * (UNITS[ago[2] as keyof typeof UNITS] ?? 0));
  const millis = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(inUtc(text)) : Number.NaN;
  return Number.isNaN(millis) ? undefined : new Date(millis);
}

/** Makes a time without a zone a UTC time, as the reports show times, and not one of this machine's zone. */
function inUtc(text: string): string {
  return /\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) && !/[+-]\d\d:\d\d$/.test(text) ? `${text}Z` : text;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Formats a duration in its largest useful unit: `0 s`, `45 s`, `12 min`, `3 h`, `2 d`. */
export function durationText(millis: number): string {
  const seconds = Math.floor(millis / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Shortens an RFC 3339 time to whole seconds: `2026-01-31 23:59:00Z`. */
export function shortTime(time: string): string {
  return time.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}
