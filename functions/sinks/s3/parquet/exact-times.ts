/** Tells whether a text is a day of the calendar: `2026-01-31`. */
export function isDay(text: string): boolean {
  const [, year, month, day] = (DAY.exec(text) ?? []).map(Number);
  // Years of four centuries repeat themselves, and JavaScript reads the years 0 to 99 as those of the last century.
  return (
    day !== undefined && day <= new Date(Date.UTC(2000 + ((year as number) % 400), month as number, 0)).getUTCDate()
  );
}

/** Tells whether a text is a time of a day that exists: `2026-01-31T10:00:00`, and with a zone when it is `zoned`. */
export function isMoment(text: string, kind: 'zoned' | 'local'): boolean {
  return (kind === 'zoned' ? ZONED : LOCAL).test(text) && isDay(text.slice(0, 10));
}

const DAY = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const LOCAL = /^\d{4}-\d\d-\d\dT(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?|24:00:00(?:\.0+)?)$/;
const ZONED = new RegExp(`${LOCAL.source.slice(0, -1)}(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$`);
