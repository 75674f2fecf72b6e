import { SqlError } from '../errors/sql-error.ts';
import { boundedCache } from '../text/bounded-cache.ts';
import { makeDate } from './dates.ts';
import type { Piece } from './time-templates.ts';
import { MONTHS, templateOf } from './time-templates.ts';
import { makeTimestamp } from './timestamp-parts.ts';

/**
 * Evaluates to_date. to_date and to_timestamp read a text only if it is written exactly as the format says; Postgres
 * would guess at other texts, which are errors here.
 */
export function readDate(text: string, template: string): number {
  const fields = read(text, template);
  clockOf(fields);
  return makeDate(Number(fields.YYYY), monthOf(fields), Number(fields.DD ?? 1));
}

export function readTimestamp(text: string, template: string): bigint {
  const fields = read(text, template);
  const { hour, minute, second } = clockOf(fields);
  const micros = BigInt(Number(fields.MS ?? 0) * 1000 + Number(fields.US ?? 0));
  return makeTimestamp(Number(fields.YYYY), monthOf(fields), Number(fields.DD ?? 1), hour, minute, second) + micros;
}

/** The pattern of each field. Patterns are strict, where Postgres accepts any number of digits and any separator. */
const READ: Record<string, string> = {
  YYYY: String.raw`(?<YYYY>\d{4})`,
  MM: String.raw`(?<MM>\d{2})`,
  DD: String.raw`(?<DD>\d{2})`,
  HH24: String.raw`(?<HH24>\d{2})`,
  HH12: String.raw`(?<HH12>\d{2})`,
  HH: String.raw`(?<HH12>\d{2})`,
  MI: String.raw`(?<MI>\d{2})`,
  SS: String.raw`(?<SS>\d{2})`,
  MS: String.raw`(?<MS>\d{3})`,
  US: String.raw`(?<US>\d{6})`,
  AM: '(?<half>AM|PM)',
  PM: '(?<half>AM|PM)',
  MON: `(?<MON>${MONTHS.map((name) => name.slice(0, 3)).join('|')})`,
  MONTH: `(?<MON>${MONTHS.join('|')})`,
};

const readers = boundedCache<RegExp>(200, 50_000);

function readerOf(template: string): RegExp {
  const known = readers.get(template);
  if (known !== undefined) return known;
  const pieces = templateOf(template);
  const source = pieces.map((piece) => (piece.kind === 'literal' ? escaped(piece.text) : fieldReader(piece))).join('');
  const names = [...source.matchAll(/\(\?<(\w+)>/g)].map(([, name]) => name);
  const clash = new Set(names).size < names.length || (names.includes('MM') && names.includes('MON'));
  const clocks = names.includes('HH24') && (names.includes('HH12') || names.includes('half'));
  const fractions = names.includes('MS') && names.includes('US');
  if (clash || clocks || fractions || !names.includes('YYYY'))
    throw new SqlError(
      '0A000',
      `the format "${template}" is not supported for reading: it must contain YYYY, and no field twice`,
    );
  const reader = new RegExp(`^${source}$`, 'i');
  readers.keep(template, reader, source.length);
  return reader;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

function fieldReader({ field, written, plain }: Extract<Piece, { kind: 'field' }>): string {
  const reader = READ[field];
  if (reader === undefined || plain)
    throw new SqlError('0A000', `the field ${plain ? 'FM' : ''}${written} is not supported for reading`);
  return reader;
}

function read(text: string, template: string): Record<string, string | undefined> {
  const match = readerOf(template).exec(text);
  if (match === null || match.groups?.YYYY === '0000')
    throw new SqlError('0A000', `"${text}" is not written exactly as the format "${template}" says`);
  return match.groups ?? {};
}

function monthOf({ MM, MON }: Record<string, string | undefined>): number {
  if (MON === undefined) return Number(MM ?? 1);
  return MONTHS.findIndex((name) => name.slice(0, 3).toLowerCase() === MON.slice(0, 3).toLowerCase()) + 1;
}

function clockOf({
  HH24,
  HH12,
  half,
  MI,
  SS,
}: Record<string, string | undefined>): Record<'hour' | 'minute' | 'second', number> {
  const [given, minute, second] = [Number(HH24 ?? HH12 ?? 0), Number(MI ?? 0), Number(SS ?? 0)];
  const twelve = HH12 !== undefined;
  if ((twelve && (given < 1 || given > 12)) || given > 23 || minute > 59 || second > 59)
    throw new SqlError('22008', `date/time field value out of range: ${given}:${minute}:${second}`);
  const hour = twelve ? (given % 12) + (half?.toLowerCase() === 'pm' ? 12 : 0) : given;
  return { hour, minute, second };
}
