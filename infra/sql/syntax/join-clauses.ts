import type { ScanToken } from 'libpg-query';
import { depthAt, isWord } from './clauses.ts';
import type { Duration, DurationRules, Reader } from './durations.ts';
import { expectWords, mistakeAt, readDuration, tokenOf } from './durations.ts';
import type { Source } from './source-position.ts';
import { offsetOfByte, SqlMistake } from './source-position.ts';

/** `WITHIN 1 HOUR`, or `WITHIN (1 HOUR, 2 HOURS)`: how far before and after. Offsets are in the source text. */
export interface ParsedWithin {
  readonly offset: number;
  readonly before: Duration;
  readonly after: Duration;
  /** The GRACE PERIOD. */
  readonly grace: Duration | undefined;
}

/** ksqlDB's clauses of a join, which Postgres's parser does not know. */
export interface JoinClauses {
  readonly within: ParsedWithin | undefined;
  readonly taken: readonly ScanToken[];
}

const FORM = 'write JOIN payments p WITHIN 1 HOUR ON …, or WITHIN (1 HOUR, 2 HOURS) for times before and after';
const IF_LONGER = 'keep the rows of one side in a table, and join the stream with that';
const WITHIN: DurationRules = { what: 'WITHIN', hint: FORM, ifLonger: IF_LONGER };
const GRACE: DurationRules = { what: 'GRACE PERIOD', hint: 'write GRACE PERIOD 15 MINUTES', ifLonger: IF_LONGER };

/** Reads WITHIN and its GRACE PERIOD, between the second input of a join and ON. */
export function joinClausesOf(source: Source, tokens: readonly ScanToken[]): JoinClauses {
  const joined = tokens.findIndex((token) => isWord(token, 'join'));
  if (joined === -1) return { within: undefined, taken: [] };
  rejectAsOf(source, tokens.slice(joined));
  const [at, second] = tokens.flatMap((_, i) => (i > joined && isWithin(tokens, i) ? [i] : []));
  if (at === undefined) return { within: undefined, taken: [] };
  if (second !== undefined)
    throw mistakeAt(source, tokens[second], {
      problem: 'there are two of WITHIN',
      hint: 'a statement joins two inputs: join the result with the next one in another step',
    });
  const isOn = (token: ScanToken): boolean => isWord(token, 'on') || isWord(token, 'using');
  if (tokens.slice(joined, at).some(isOn))
    throw mistakeAt(source, tokens[at], { problem: 'WITHIN stands before ON', hint: FORM });
  const reader: Reader = { source, tokens, index: at + 1 };
  const [before, after] = readReach(reader);
  const grace = readGrace(reader);
  const offset = offsetOfByte(source.text, tokens[at]?.start ?? 0);
  return { within: { offset, before, after, grace }, taken: tokens.slice(at, reader.index) };
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

function rejectAsOf(source: Source, inJoin: readonly ScanToken[]): void {
  const asOf = inJoin.find(
    (token, i) => isWord(token, 'as') && isWord(inJoin[i + 1], 'of') && !isWord(inJoin[i + 2], 'on'),
  );
  if (asOf === undefined) return;
  throw new SqlMistake('unsupported', {
    source,
    offset: offsetOfByte(source.text, asOf.start),
    problem: 'AS OF is not supported yet: a join meets the row as it stands',
    hint: 'leave AS OF out, or give each version of a row a key of its own',
  });
}
