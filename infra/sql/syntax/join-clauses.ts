import type { ScanToken } from 'libpg-query';
import { depthAt, isWord } from './clauses.ts';
import type { Duration, DurationRules, Reader } from './durations.ts';
import { expectWords, mistakeAt, readDuration, tokenOf } from './durations.ts';
import type { Source } from './source-position.ts';
import { offsetOfByte } from './source-position.ts';

/** `WITHIN 1 HOUR`, or `WITHIN (1 HOUR, 2 HOURS)`: how far before and after. Offsets are in the source text. */
export interface ParsedWithin {
  readonly offset: number;
  readonly before: Duration;
  readonly after: Duration;
  /** The GRACE PERIOD. */
  readonly grace: Duration | undefined;
}

/** `AS OF o.time`: the row of a table as it was at that time. */
export interface ParsedAsOf {
  readonly offset: number;
  /** The name before the column, if there is one. */
  readonly table: string | undefined;
  readonly column: string;
  readonly retention: Duration | undefined;
}

/** Clauses of a join that Postgres's parser does not know. */
export interface JoinClauses {
  readonly within: ParsedWithin | undefined;
  readonly asOf: ParsedAsOf | undefined;
  readonly taken: readonly ScanToken[];
}

const FORM = 'write JOIN payments p WITHIN 1 HOUR ON …, or WITHIN (1 HOUR, 2 HOURS) for times before and after';
const IF_LONGER = 'keep the rows of one side in a table, and join the stream with that';
const WITHIN: DurationRules = { what: 'WITHIN', hint: FORM, ifLonger: IF_LONGER };
const GRACE: DurationRules = { what: 'GRACE PERIOD', hint: 'write GRACE PERIOD 15 MINUTES', ifLonger: IF_LONGER };

const NONE: JoinClauses = { within: undefined, asOf: undefined, taken: [] };

/** Reads WITHIN and its GRACE PERIOD, or AS OF, between the second input of a join and ON. */
export function joinClausesOf(source: Source, tokens: readonly ScanToken[]): JoinClauses {
  const joined = tokens.findIndex((token) => isWord(token, 'join'));
  if (joined === -1) return NONE;
  const found = tokens.flatMap((_, i) => (i > joined && (isWithin(tokens, i) || isAsOf(tokens, i)) ? [i] : []));
  const [at, second] = found;
  if (at === undefined) return NONE;
  const word = isWithin(tokens, at) ? 'WITHIN' : 'AS OF';
  if (second !== undefined)
    throw mistakeAt(source, tokens[second], {
      problem:
        isWithin(tokens, second) === isWithin(tokens, at)
          ? `there are two of ${word}`
          : 'WITHIN and AS OF exclude each other',
      hint: 'a statement joins two inputs: join the result with the next one in another step',
    });
  const isOn = (token: ScanToken): boolean => isWord(token, 'on') || isWord(token, 'using');
  if (tokens.slice(joined, at).some(isOn))
    throw mistakeAt(source, tokens[at], {
      problem: `${word} stands before ON`,
      hint: word === 'WITHIN' ? FORM : AS_OF_FORM,
    });
  const reader: Reader = { source, tokens, index: at };
  const offset = offsetOfByte(source.text, tokens[at]?.start ?? 0);
  const clause =
    word === 'WITHIN'
      ? { within: readWithin(reader, offset), asOf: undefined }
      : { within: undefined, asOf: readAsOf(reader, offset) };
  return { ...clause, taken: tokens.slice(at, reader.index) };
}

function readWithin(reader: Reader, offset: number): ParsedWithin {
  reader.index += 1;
  const [before, after] = readReach(reader);
  return { offset, before, after, grace: readGrace(reader) };
}

const AS_OF_FORM = 'write JOIN customers c AS OF o.time ON …: the time of the event';
const RETENTION: DurationRules = {
  what: 'RETENTION',
  hint: 'write RETENTION 7 DAYS',
  ifLonger: 'keep versions for a shorter time',
};

/** `AS of` also begins an alias: `JOIN customers AS of ON …`. */
const isAsOf = (tokens: readonly ScanToken[], index: number): boolean =>
  isWord(tokens[index], 'as') &&
  isWord(tokens[index + 1], 'of') &&
  !isWord(tokens[index + 2], 'on') &&
  !isWord(tokens[index + 2], 'using') &&
  depthAt(tokens, index) === 0;

function readAsOf(reader: Reader, offset: number): ParsedAsOf {
  reader.index += 2;
  const first = readName(reader);
  let [table, column]: [string | undefined, string] = [undefined, first];
  if (tokenOf(reader)?.text === '.') {
    reader.index += 1;
    [table, column] = [first, readName(reader)];
  }
  if (!isWord(tokenOf(reader), 'retention')) return { offset, table, column, retention: undefined };
  reader.index += 1;
  return { offset, table, column, retention: readDuration(reader, RETENTION) };
}

function readName(reader: Reader): string {
  const token = tokenOf(reader);
  if (token === undefined || !/^(?:"[^"]+"|[\p{L}_][\p{L}\p{N}_$]*)$/u.test(token.text))
    throw mistakeAt(reader.source, token, { problem: 'AS OF takes the time of the event', hint: AS_OF_FORM });
  reader.index += 1;
  return token.text.startsWith('"') ? token.text.slice(1, -1) : token.text.toLowerCase();
}

/** `WITHIN GROUP (…)` is a clause of an aggregate. */
const isWithin = (tokens: readonly ScanToken[], index: number): boolean =>
  isWord(tokens[index], 'within') && /^[\d(]/.test(tokens[index + 1]?.text ?? '') && depthAt(tokens, index) === 0;

function readReach(reader: Reader): readonly [before: Duration, after: Duration] {
  if (tokenOf(reader)?.text !== '(') {
    const both = readDuration(reader, WITHIN);
    return [both, both];
  }
  reader.index += 1;
  const before = readDuration(reader, WITHIN);
  expectWords(reader, [','], FORM);
  const after = readDuration(reader, WITHIN);
  expectWords(reader, [')'], FORM);
  return [before, after];
}

function readGrace(reader: Reader): Duration | undefined {
  if (!isWord(tokenOf(reader), 'grace')) return undefined;
  expectWords(reader, ['grace', 'period'], GRACE.hint);
  return readDuration(reader, GRACE);
}
