import type { ScanToken } from 'libpg-query';
import { isWord } from './clauses.ts';
import type { Source } from './source-position.ts';
import { offsetOfByte, SqlMistake } from './source-position.ts';

/** A duration as a clause of ksqlDB's has it: a whole number and a unit. */
export interface Duration {
  readonly millis: number;
  readonly offset: number;
}

/** The tokens, and the index of the next one. */
export interface Reader {
  readonly source: Source;
  readonly tokens: readonly ScanToken[];
  index: number;
}

/** What messages say about a duration. */
export interface DurationRules {
  /** What the duration is of. */
  readonly what: string;
  /** Shows how it is written. */
  readonly hint: string;
  /** What to write for a longer time than is possible. */
  readonly ifLonger: string;
}

export const tokenOf = ({ tokens, index }: Reader): ScanToken | undefined => tokens[index];

/** Moves behind words that must follow. */
export function expectWords(reader: Reader, words: readonly string[], hint: string): void {
  for (const word of words) {
    if (!isWord(tokenOf(reader), word))
      throw mistakeAt(reader.source, tokenOf(reader), { problem: `expected ${word.toUpperCase()}`, hint });
    reader.index += 1;
  }
}

const SECOND = 1000;
const UNITS: ReadonlyMap<string, number> = new Map([
  ['millisecond', 1],
  ['second', SECOND],
  ['minute', 60 * SECOND],
  ['hour', 3600 * SECOND],
  ['day', 86_400 * SECOND],
]);
const UNIT_NAMES = 'MILLISECONDS, SECONDS, MINUTES, HOURS and DAYS';
/** Ten years: sums of such durations and a time stay in the range of timestamps. */
const LONGEST_DAYS = 3653;

/** Reads a number and its unit. */
export function readDuration(reader: Reader, { what, hint, ifLonger }: DurationRules): Duration {
  const { source } = reader;
  const number = tokenOf(reader);
  const offset = offsetOfByte(source.text, number?.start ?? Buffer.byteLength(source.text));
  if (number === undefined || !/^\d+$/.test(number.text))
    throw mistakeAt(source, number, { problem: `${what} takes a whole number and a unit`, hint });
  reader.index += 1;
  const unit = tokenOf(reader);
  const name = unit?.text.toLowerCase() ?? '';
  const millisOfOne = UNITS.get(name.replace(/s$/, ''));
  if (millisOfOne === undefined) throw mistakeAt(source, unit, unknownUnit(what, name));
  reader.index += 1;
  const millis = Number(number.text) * millisOfOne;
  if (millis > LONGEST_DAYS * 86_400 * SECOND)
    throw mistakeAt(source, number, {
      problem: `${what} is longer than ${LONGEST_DAYS.toLocaleString('en')} days`,
      hint: ifLonger,
    });
  return { millis, offset };
}

function unknownUnit(what: string, name: string): Problem {
  if (!/^\w+$/.test(name))
    return { problem: `${what} takes a unit after its number`, hint: `the units are ${UNIT_NAMES}` };
  const hint = /^weeks?$/.test(name)
    ? 'write 7 DAYS'
    : /^(?:month|quarter|year)s?$/.test(name)
      ? `its length differs: write a number of days, or group by date_trunc('${name.replace(/s$/, '')}', …) without WINDOW`
      : `the units are ${UNIT_NAMES}`;
  return { problem: `there is no unit ${name.toUpperCase()}`, hint };
}

interface Problem {
  readonly problem: string;
  readonly hint?: string;
}

/** Returns the mistake at a token, or at the end of the statement. */
export function mistakeAt(source: Source, token: ScanToken | undefined, problem: Problem): SqlMistake {
  const offset = offsetOfByte(source.text, token?.start ?? Buffer.byteLength(source.text));
  return new SqlMistake('invalid', { source, offset, ...problem });
}
