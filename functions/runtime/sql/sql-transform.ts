import type { z } from 'zod';
import { EventRejected } from '../errors.ts';
import type { ReceivedEvent } from '../event.ts';
import type { Output, Transform } from '../transform.ts';
import { SqlError } from './errors/sql-error.ts';
import type { JsonWriter } from './json/json-writer.ts';
import { createWriter } from './json/json-writer.ts';
import type { Row } from './row/row.ts';
import { createRow, finishRow, mayRepeat, placeEvent, readRow, readSome } from './row/row.ts';

/** What a statement can read of an event besides its data. */
export type EventAttributes = Pick<ReceivedEvent, 'key' | 'time' | 'source' | 'id' | 'type'>;

/** A statement as the compiler writes it. */
export interface Statement {
  /** The file that it was written in, for messages. */
  readonly file: string;
  /** The columns of `data` that it reads. */
  readonly columns: readonly string[];
  /** How many of them WHERE reads: they are the first ones. */
  readonly whereReads?: number;
  /** WHERE: whether the event goes on. */
  readonly where?: (row: Row, event: EventAttributes) => boolean;
  /**
   * Writes the outputs, one JSON object each, and calls `emit` after each with its key (undefined: the event's own).
   */
  readonly select: (row: Row, event: EventAttributes, target: Target) => void;
}

export interface Target {
  readonly writer: JsonWriter;
  readonly emit: (key: string | undefined) => void;
}

/** The streams that FROM and CREATE STREAM name. */
export interface StreamNames {
  readonly from: string;
  readonly to?: string;
}

/**
 * A transform that is written for certain streams: a step that reads or writes others does not compile. `to` can be a
 * stream's schema.
 */
export interface SqlTransform<From extends z.ZodType, To extends z.ZodType, S extends StreamNames>
  extends Omit<Transform<z.input<From>>, 'to'> {
  readonly to: To;
  readonly streams: S;
}

interface Definition<From, To, S> extends Statement {
  readonly entry: string;
  readonly streams: S;
  readonly from: From;
  readonly to: To;
}

/** Outputs are views of one buffer until it is full. */
const CHUNK = 1 << 20;

/**
 * A transform of a compiled statement. An error in one event rejects it, with the place of the expression in the
 * statement.
 */
export function sqlTransform<From extends z.ZodType, To extends z.ZodType, const S extends StreamNames>(
  definition: Definition<From, To, S>,
): SqlTransform<From, To, S> {
  const { entry, streams, from, to } = definition;
  return { entry, streams, from, to, run: runnerOf(definition) };
}

/** What `sqlTransform` runs: a statement on one event after another. */
export function runnerOf(statement: Statement): Transform['run'] {
  const row = createRow(statement.columns);
  let writer = createWriter(CHUNK);
  return (event: ReceivedEvent): readonly Output[] => {
    const outputs: Output[] = [];
    if (writer.length > CHUNK / 2) writer = createWriter(CHUNK);
    const target: Target = {
      writer,
      emit: (key) => {
        const dataBytes = writer.buffer.subarray(emitted, writer.length);
        emitted = writer.length;
        outputs.push({ type: event.type, key: key ?? event.key, time: event.time, dataBytes });
      },
    };
    const begun = writer.length;
    let emitted = begun;
    try {
      runStatement(statement, { row, event, bytes: event.dataBytes, target });
    } catch (error) {
      writer.length = begun;
      throw error;
    }
    return outputs;
  };
}

interface Run {
  readonly row: Row;
  readonly event: EventAttributes;
  readonly target: Target;
}

/** Runs a statement on one event; throws `EventRejected` for one that does not fit or cannot be computed. */
export function runStatement(statement: Statement, run: Run & { readonly bytes: Uint8Array }): void {
  placeEvent(run.row, run.bytes);
  runPlaced(statement, run);
}

/** The same for an event that has been placed in the row. */
export function runPlaced(statement: Statement, { row, event, target }: Run): void {
  row.at = '';
  try {
    if (isWanted(statement, row, event)) statement.select(row, event, target);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    throw new EventRejected(
      'transform',
      `${error.message} (SQLSTATE ${error.code}), at ${statement.file}${row.at === '' ? '' : `:${row.at}`}`,
    );
  }
}

/**
 * Reads the row, to its end if it is wanted. What WHERE refuses is not read on, nor checked there, unless a column of
 * WHERE may come again: the last one counts.
 */
function isWanted({ where, whereReads = 0 }: Statement, row: Row, event: EventAttributes): boolean {
  if (where === undefined) {
    readRow(row);
    return true;
  }
  if (!readSome(row, whereReads)) return where(row, event);
  const verdict = verdictOf(where, row, event);
  if (verdict === false && !mayRepeat(row, whereReads)) return false;
  finishRow(row);
  return verdict === true && !row.repeated ? true : where(row, event);
}

/** Undefined when it fails: the rest of the event may still change what it failed on. */
function verdictOf(where: NonNullable<Statement['where']>, row: Row, event: EventAttributes): boolean | undefined {
  try {
    return where(row, event);
  } catch (error) {
    if (error instanceof SqlError || error instanceof EventRejected) return undefined;
    throw error;
  }
}

/** PARTITION BY gave the key of an event: Kinesis takes 1 to 256 characters. */
export function checkedKey(key: string | null): string {
  if (key === null || key === '')
    throw new SqlError('22004', 'PARTITION BY is null or empty, and an event needs a key: use COALESCE');
  if (key.length > 256)
    throw new SqlError('22001', `PARTITION BY gives ${key.length} characters: a key has at most 256`);
  if (!key.isWellFormed())
    throw new SqlError('22021', 'PARTITION BY gives half of a surrogate pair, which no key can hold');
  return key;
}
