import type { ScanToken } from 'libpg-query';
import { isClause, isWord } from './clauses.ts';
import type { Duration, DurationRules, Reader } from './durations.ts';
import { expectWords, mistakeAt, readDuration, tokenOf } from './durations.ts';
import type { Source } from './source-position.ts';
import { offsetOfByte } from './source-position.ts';
import { suggest } from './suggest.ts';

export type WindowKind = 'tumbling' | 'hopping' | 'session';

/** The WINDOW clause as it is written. Offsets are in the source text. */
export interface ParsedWindow {
  readonly kind: WindowKind;
  readonly offset: number;
  /** The SIZE; of a session the gap. */
  readonly size: Duration;
  readonly advance: Duration | undefined;
  readonly grace: Duration | undefined;
  readonly retention: Duration | undefined;
}

export interface ParsedEmit {
  readonly what: 'changes' | 'final';
  readonly offset: number;
}

/** ksqlDB's clauses, which Postgres's parser does not know. */
export interface WindowClauses {
  readonly window: ParsedWindow | undefined;
  readonly emit: ParsedEmit | undefined;
  /** The tokens of both clauses. */
  readonly taken: readonly ScanToken[];
}

const KINDS: readonly WindowKind[] = ['tumbling', 'hopping', 'session'];

/** Reads `WINDOW TUMBLING (…)`, `HOPPING (…)` or `SESSION (…)`, and `EMIT CHANGES` or `EMIT FINAL`. */
export function windowClausesOf(source: Source, tokens: readonly ScanToken[]): WindowClauses {
  const windows = tokens.flatMap((_, i) => (isWindow(tokens, i) ? [i] : []));
  const emits = tokens.flatMap((_, i) => (isEmit(tokens, i) ? [i] : []));
  const [windowAt, secondWindow] = windows;
  const [emitAt, secondEmit] = emits;
  const second = secondWindow ?? secondEmit;
  if (second !== undefined)
    throw mistakeAt(source, tokens[second], {
      problem: `there are two of ${second === secondWindow ? 'WINDOW' : 'EMIT'}`,
      hint: 'leave one of them out',
    });
  const read = windowAt === undefined ? undefined : readWindow({ source, tokens, index: windowAt });
  const emit: ParsedEmit | undefined =
    emitAt === undefined
      ? undefined
      : {
          what: isWord(tokens[emitAt + 1], 'final') ? 'final' : 'changes',
          offset: offsetOfByte(source.text, tokens[emitAt]?.start ?? 0),
        };
  return {
    window: read?.window,
    emit,
    taken: [
      ...(windowAt === undefined ? [] : tokens.slice(windowAt, read?.end)),
      ...(emitAt === undefined ? [] : tokens.slice(emitAt, emitAt + 2)),
    ],
  };
}

/** `WINDOW w AS (…)` is Postgres's own clause. */
const isWindow = (tokens: readonly ScanToken[], index: number): boolean =>
  isWord(tokens[index], 'window') &&
  (tokens[index + 2]?.text === '(' || KINDS.some((kind) => isWord(tokens[index + 1], kind))) &&
  !isWord(tokens[index + 2], 'as') &&
  isClause(tokens, index);

const isEmit = (tokens: readonly ScanToken[], index: number): boolean =>
  isWord(tokens[index], 'emit') &&
  (isWord(tokens[index + 1], 'changes') || isWord(tokens[index + 1], 'final')) &&
  isClause(tokens, index);

/** What messages call the length of a session. */
export const SESSION_GAP = 'the gap of SESSION';

const IF_LONGER = 'leave WINDOW out to keep one group for all times';
const GAP: DurationRules = { what: SESSION_GAP, hint: 'write SESSION (15 MINUTES)', ifLonger: IF_LONGER };

const lengthOf = (what: string): DurationRules => ({ what, hint: `write ${what} 15 MINUTES`, ifLonger: IF_LONGER });

const FORMS: Readonly<Record<WindowKind, string>> = {
  tumbling: 'write WINDOW TUMBLING (SIZE 15 MINUTES)',
  hopping: 'write WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 15 MINUTES)',
  session: 'write WINDOW SESSION (30 MINUTES)',
};

function readWindow(reader: Reader): { readonly window: ParsedWindow; readonly end: number } {
  const { source, tokens } = reader;
  const offset = offsetOfByte(source.text, tokens[reader.index]?.start ?? 0);
  const word = tokens[reader.index + 1];
  const kind = KINDS.find((known) => isWord(word, known));
  if (kind === undefined) {
    const near = suggest(word?.text ?? '', KINDS);
    throw mistakeAt(source, word, {
      problem: `there are no windows of the kind ${word?.text.toUpperCase()}`,
      hint: near === undefined ? 'use TUMBLING, HOPPING or SESSION' : `did you mean ${near.toUpperCase()}?`,
    });
  }
  reader.index += 2;
  expectWords(reader, ['('], FORMS[kind]);
  if (kind !== 'session') expectWords(reader, ['size'], FORMS[kind]);
  const size = readDuration(reader, kind === 'session' ? GAP : lengthOf('SIZE'));
  if (kind === 'hopping') expectWords(reader, [',', 'advance', 'by'], FORMS[kind]);
  const advance = kind === 'hopping' ? readDuration(reader, lengthOf('ADVANCE BY')) : undefined;
  const options = readOptions(reader);
  expectWords(reader, [')'], FORMS[kind]);
  return { window: { kind, offset, size, advance, ...options }, end: reader.index };
}

const OPTIONS = { grace: ['grace', 'period'], retention: ['retention'] } as const;

function readOptions(reader: Reader): Pick<ParsedWindow, 'grace' | 'retention'> {
  const read: { grace?: Duration; retention?: Duration } = {};
  while (tokenOf(reader)?.text === ',') {
    reader.index += 1;
    const token = tokenOf(reader);
    const name = (['grace', 'retention'] as const).find((option) => isWord(token, option));
    if (name === undefined)
      throw mistakeAt(reader.source, token, {
        problem: 'expected GRACE PERIOD or RETENTION',
        hint: 'write (SIZE 15 MINUTES, RETENTION 30 DAYS, GRACE PERIOD 1 HOUR)',
      });
    const words = OPTIONS[name];
    const what = words.join(' ').toUpperCase();
    if (read[name] !== undefined) throw mistakeAt(reader.source, token, { problem: `there are two of ${what}` });
    expectWords(reader, words, 'write GRACE PERIOD 1 HOUR');
    read[name] = readDuration(reader, lengthOf(what));
  }
  return { grace: read.grace, retention: read.retention };
}
