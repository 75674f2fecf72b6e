import { SqlError } from '../errors/sql-error.ts';
import { roundDouble } from '../numbers/doubles.ts';
import { trimSpace } from '../text/spaces.ts';
import { daysFromCivil, daysInMonth, fieldOutOfRange } from './calendar.ts';

/** The parsed text of a date, timestamp or timestamptz. */
export interface Moment {
  /** 1 or -1 for the infinities, otherwise 0. */
  readonly infinite: 0 | 1 | -1;
  readonly days: number;
  readonly micros: bigint;
  /** Microseconds to add to local time to get UTC; undefined if the text has no zone. */
  readonly offsetMicros: bigint | undefined;
}

const DATE = String.raw`(?:(\d{4,7})-(\d{1,2})-(\d{1,2})|(\d{4})(\d{2})(\d{2}))`;
const TIME = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d*))?)?`;
const ZONE = String.raw`(z|utc|gmt|[+-]\d{1,2}(?::?\d{2}(?::\d{2})?)?)`;
const MOMENT = new RegExp(String.raw`^${DATE}(?!-)(?:(?:[t]|\x20+)${TIME})?(?:\x20*${ZONE})?(\x20+(?:bc|ad))?$`, 'i');

/** Reads ISO 8601 as Postgres does. Postgres's other formats ("January 8", "yesterday") are errors. */
export function parseMoment(type: string, text: string): Moment {
  const trimmed = trimSpace(text);
  const match = MOMENT.exec(trimmed);
  if (match === null) return specialMoment(type, trimmed, text);
  const [year, month, day] = [match[1] ?? match[4], match[2] ?? match[5], match[3] ?? match[6]].map(Number) as [
    number,
    number,
    number,
  ];
  const bc = match[12]?.trim().toLowerCase() === 'bc';
  const civilYear = bc ? 1 - year : year;
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(civilYear, month)) fieldOutOfRange(text);
  return {
    infinite: 0,
    days: daysFromCivil(civilYear, month, day),
    micros: timeOfDay(match.slice(7, 11), text),
    offsetMicros: match[11] === undefined ? undefined : offset(match[11], text),
  };
}

function specialMoment(type: string, trimmed: string, text: string): Moment {
  const word = trimmed.toLowerCase();
  if (word === 'infinity' || word === '+infinity') return { infinite: 1, days: 0, micros: 0n, offsetMicros: undefined };
  if (word === '-infinity') return { infinite: -1, days: 0, micros: 0n, offsetMicros: undefined };
  if (word === 'epoch') return { infinite: 0, days: -10957, micros: 0n, offsetMicros: 0n };
  if (word === 'now' || word === 'today' || word === 'tomorrow' || word === 'yesterday')
    throw new SqlError(
      '0A000',
      `'${word}' is volatile: it changes from day to day; use \`time\`, the time of the event`,
    );
  throw new SqlError(
    '22007',
    `invalid input syntax for type ${type}: "${text}"; write ISO 8601, such as 2026-11-22 or 2026-11-22T18:30:00Z`,
  );
}

function timeOfDay(fields: readonly (string | undefined)[], text: string): bigint {
  const [hours, minutes, seconds] = fields.slice(0, 3).map((field) => Number(field ?? 0)) as [number, number, number];
  const micros = roundDouble(Number(`0.${fields[3] || '0'}`) * 1e6);
  const late = hours === 24 && (minutes > 0 || seconds > 0 || micros > 0);
  if (hours > 24 || minutes > 59 || seconds > 60 || late) fieldOutOfRange(text);
  return BigInt((hours * 60 + minutes) * 60 + seconds) * 1_000_000n + BigInt(micros);
}

function offset(zone: string, text: string): bigint {
  if (!/^[+-]/.test(zone)) return 0n;
  const digits = zone.slice(1).replaceAll(':', '');
  const padded = digits.length % 2 === 1 ? `0${digits}` : digits;
  const [hours, minutes, seconds] = [0, 2, 4].map((at) => Number(padded.slice(at, at + 2) || 0)) as [
    number,
    number,
    number,
  ];
  if (hours > 15 || minutes > 59 || seconds > 59)
    throw new SqlError('22009', `time zone displacement out of range: "${text}"`);
  const micros = BigInt((hours * 60 + minutes) * 60 + seconds) * 1_000_000n;
  return zone.startsWith('-') ? micros : -micros;
}
