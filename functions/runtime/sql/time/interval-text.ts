import { SqlError } from '../errors/sql-error.ts';
import { addUnit, type IntervalSums, intervalOf, newSums, type Unit } from './interval-units.ts';
import type { Interval } from './intervals.ts';
import { durationFromText } from './iso-durations.ts';

/**
 * Reads an interval as Postgres does: `1 year 2 months -3 days 04:05:06`, `1.5 days`, `1-2` (years and months),
 * `3 days ago`, and ISO 8601's `P1Y2M3DT4H5M6S`.
 */
export function intervalFromText(text: string): Interval {
  const interval = infinityFromText(text) ?? termsFromText(text) ?? durationFromText(text);
  if (interval !== undefined) return interval;
  throw new SqlError(
    '22007',
    `invalid input syntax for type interval: "${text}"; write units, such as 1 day 02:30:00, or an ISO 8601 duration, such as P1DT2H30M`,
  );
}

function infinityFromText(text: string): Interval | undefined {
  const match = /^\s*([+-]?)infinity\s*$/i.exec(text);
  if (match === null) return undefined;
  return { months: 0, days: 0, micros: 0n, infinite: match[1] === '-' ? -1 : 1 };
}

/** A number (`1`, `-1.5`, `.5`), years and months (`1-2`), a time of day (`02:30`), or a word. */
const TOKEN =
  /[\s@,()]*(?:(?<sign>[+-]\s*(?=\d))?(?:(?<hours>\d+):(?<minutes>\d+)(?::(?<seconds>\d+)?(?<fraction>\.\d*)?|(?<minuteFraction>\.\d*))?(?![:.-])|(?<years>\d+)-(?<months>\d+)(?![\w:.-])|(?<whole>\d+)(?<rest>\.\d*(?![a-z]))?(?![:.-])|(?<part>\.\d+)(?![:.-]))|(?<word>(?:d|h|m|s|y|mon)(?![a-z\-./:])|[a-z]+(?![\w+\-./:])))[\s@,()]*/iy;

type Groups = Readonly<Record<string, string | undefined>>;

/**
 * Reads numbers with units, from the right, because the unit stands behind its number. A number without a unit counts
 * seconds, or days if hours or a time follow. Every unit may be there once. Returns undefined for any other text.
 */
function termsFromText(text: string): Interval | undefined {
  const tokens = tokensOf(text) ?? [];
  const isAgo = tokens.at(-1)?.word?.toLowerCase() === 'ago';
  if (isAgo) tokens.pop();
  const last = tokens.at(-1);
  if (last === undefined || (isAgo && last.word === undefined && last.hours === undefined)) return undefined;
  const sums = newSums();
  return addTokens(sums, tokens.reverse(), text) ? intervalOf(sums, isAgo ? -1 : 1) : undefined;
}

/** Adds tokens, the last one first. Returns false if they are no interval. */
function addTokens(sums: IntervalSums, tokens: readonly Groups[], text: string): boolean {
  const seen = new Set<string>();
  let unit: Unit | undefined;
  let isWaiting = false;
  for (const token of tokens) {
    if (token.word !== undefined) {
      unit = unitNamed(token.word);
      if (unit === undefined || isWaiting) return false;
      isWaiting = true;
      continue;
    }
    isWaiting = false;
    const fields = token.hours !== undefined ? addTime(sums, token, text) : addNumber(sums, token, { unit, text });
    if (fields.some((field) => seen.has(field))) return false;
    for (const field of fields) seen.add(field);
    unit = unitBefore(token, unit);
  }
  return !isWaiting;
}

/** Returns the unit of a number without one, in front of this token. */
function unitBefore(token: Groups, unit: Unit | undefined): Unit | undefined {
  if (token.years !== undefined) return 'month';
  return token.hours !== undefined || unit === 'hour' ? 'day' : unit;
}

/** Postgres's bound (MAXDATEFIELDS). */
const MOST_TOKENS = 25;

function tokensOf(text: string): Groups[] | undefined {
  const tokens: Groups[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match?.groups === undefined || tokens.length === MOST_TOKENS) return undefined;
    tokens.push(match.groups);
  }
  return tokens;
}

const outOfRange = (text: string): never => {
  throw new SqlError('22015', `interval field value out of range: "${text}"`);
};

/** Adds `04:05:06.7`; `04:05.6` counts minutes and seconds. Returns the fields that it names. */
function addTime(sums: IntervalSums, token: Groups, text: string): readonly string[] {
  const { hours = '0', minutes = '0', seconds = '0', fraction, minuteFraction, sign } = token;
  const parts = minuteFraction === undefined ? [hours, minutes, seconds] : ['0', hours, minutes];
  const [h = 0n, m = 0n, s = 0n] = parts.map(BigInt);
  if (m > 59n || s > 60n) outOfRange(text);
  const factor = sign?.startsWith('-') === true ? -1n : 1n;
  const part = Number(fraction ?? minuteFraction ?? 0) || 0;
  addUnit(sums, 'hour', { whole: factor * h, fraction: 0 });
  addUnit(sums, 'minute', { whole: factor * m, fraction: 0 });
  addUnit(sums, 'second', { whole: factor * s, fraction: Number(factor) * part });
  return ['hour', 'minute', ...SECONDS];
}

const SECONDS = ['second', 'millisecond', 'microsecond'];

/** Adds a number of a unit, or years and months. Returns the fields that it names. */
function addNumber(
  sums: IntervalSums,
  token: Groups,
  { unit = 'second', text }: { readonly unit: Unit | undefined; readonly text: string },
): readonly string[] {
  const { years, months = '0', whole = '0', rest, part, sign } = token;
  const factor = sign?.startsWith('-') === true ? -1n : 1n;
  if (years !== undefined) {
    if (BigInt(months) > 11n) outOfRange(text);
    addUnit(sums, 'month', { whole: factor * (BigInt(years) * 12n + BigInt(months)), fraction: 0 });
    return ['month'];
  }
  const fraction = Number(factor) * (Number(part ?? rest ?? 0) || 0);
  if (BigInt(whole) >= 2n ** 63n) outOfRange(text);
  addUnit(sums, unit, { whole: factor * BigInt(whole), fraction });
  return unit === 'second' && fraction !== 0 ? SECONDS : [unit];
}

/** The names of each unit. Postgres compares the first ten letters of a word. */
const NAMES: Readonly<Record<Unit, string>> = {
  millennium: 'mil mils millennia millennium',
  century: 'c cent century centuries',
  decade: 'dec decs decade decades',
  year: 'y yr yrs year years',
  month: 'mon mons month months',
  week: 'w week weeks',
  day: 'd day days',
  hour: 'h hr hrs hour hours',
  minute: 'm min mins minute minutes',
  second: 's sec secs second seconds',
  millisecond: 'ms msec msecs mseconds millisecon',
  microsecond: 'us usec usecs usecond useconds microsecon',
};

const UNITS = new Map(
  Object.entries(NAMES).flatMap(([unit, names]) =>
    names.split(' ').map((name): [string, Unit] => [name, unit as Unit]),
  ),
);

const unitNamed = (word: string): Unit | undefined => UNITS.get(word.toLowerCase().slice(0, 10));
