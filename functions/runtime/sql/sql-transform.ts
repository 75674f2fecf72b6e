import type { z } from 'zod';
import { EventRejected } from '../errors.ts';
import { keyFault, type ReceivedEvent } from '../event.ts';
import type { Output, Transform } from '../transform.ts';
import { SqlError } from './errors/sql-error.ts';
import type { JsonWriter } from './json/json-writer.ts';
import { createWriter } from './json/json-writer.ts';
import type { Row } from './row/row.ts';
import { createRow, finishRow, loadEvent, mayRepeat, readRow, readSome } from './row/row.ts';
import { daysFromCivil } from './time/calendar.ts';
import { MICROS_PER_DAY, timestamptzJson, timestamptzText } from './time/timestamps.ts';

/** The attributes of an event that a statement can read besides its data. */
export type EventAttributes = Pick<ReceivedEvent, 'key' | 'time' | 'source' | 'id' | 'type'>;

/** The attributes of what is no event: a line of a file, which has only data, or a row that is made of many events. */
export const NO_ATTRIBUTES: EventAttributes = { key: '', time: '1970-01-01T00:00:00Z', source: '', id: '', type: '' };

/** A compiled statement. */
export interface Statement {
  /** The file of the statement, for messages. */
  readonly file: string;
  /** The columns of the event's data that the statement reads. */
  readonly columns: readonly string[];
  /** The number of columns that WHERE reads. They are the first ones of `columns`. */
  readonly whereReads?: number;
  /** Tests whether WHERE is true for the event. */
  readonly where?: (row: Row, event: EventAttributes) => boolean;
  /** Writes each output as a JSON object and then calls `emit` with its key (undefined: the key of the event). */
  readonly select: (row: Row, event: EventAttributes, target: Target) => void;
}

export interface Target {
  readonly writer: JsonWriter;
  /** Makes the bytes since the last call an output. Without a key or a time, the output has that of the event. */
  readonly emit: (key: string | undefined, time?: string) => void;
}

/** The streams that FROM and CREATE STREAM name. */
export interface StreamNames {
  readonly from: string;
  readonly to?: string;
}

/**
 * A transform whose SQL names its streams: a step that reads or writes other streams does not compile. A stream may use
 * `to` as its schema.
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

/** The size of a writer's buffer. Outputs are views of the buffer; a new one is made when half of it is used. */
const CHUNK = 1 << 20;

/**
 * Makes a transform of a compiled statement. An error while an event is processed rejects the event; the reason names
 * the position of the expression in the statement.
 */
export function sqlTransform<From extends z.ZodType, To extends z.ZodType, const S extends StreamNames>(
  definition: Definition<From, To, S>,
): SqlTransform<From, To, S> {
  const { entry, streams, from, to, columns } = definition;
  return { entry, streams, from, to, reads: columns, run: runnerOf(definition) };
}

/** Returns the function that runs a statement on one event after another. */
export function runnerOf(
  statement: Statement,
): (event: EventAttributes & Pick<ReceivedEvent, 'dataBytes'>) => readonly Output[] {
  const row = createRow(statement.columns);
  let writer = createWriter(CHUNK);
  return (event) => {
    const outputs: Output[] = [];
    if (writer.length > CHUNK / 2) writer = createWriter(CHUNK);
    const target: Target = {
      writer,
      emit: (key, time) => {
        const dataBytes = writer.buffer.subarray(emitted, writer.length);
        emitted = writer.length;
        outputs.push({ type: event.type, key: key ?? event.key, time: time ?? event.time, dataBytes });
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

interface LoadedEvent {
  readonly row: Row;
  readonly event: EventAttributes;
  readonly target: Target;
}

/** Runs a statement on one event. Throws `EventRejected` if a column is invalid or an expression fails. */
export function runStatement(statement: Statement, run: LoadedEvent & { readonly bytes: Uint8Array }): void {
  loadEvent(run.row, run.bytes);
  runLoaded(statement, run);
}

/** Runs a statement on the event that was loaded into the row. */
export function runLoaded(statement: Statement, { row, event, target }: LoadedEvent): void {
  row.at = '';
  try {
    if (passesWhere(statement, row, event)) statement.select(row, event, target);
  } catch (error) {
    throw blamedOn(statement, row, error);
  }
}

/** Returns what to throw for an error in a statement: an expression that fails is the fault of the event. */
export function blamedOn({ file }: Pick<Statement, 'file'>, { at }: Pick<Row, 'at'>, error: unknown): unknown {
  if (!(error instanceof SqlError)) return error;
  return new EventRejected(
    'transform',
    `${error.message} (SQLSTATE ${error.code}), at ${file}${at === '' ? '' : `:${at}`}`,
  );
}

/**
 * Evaluates WHERE, and reads the rest of the event if it is true. If WHERE is false, the rest is neither read nor
 * checked, unless a column of WHERE may be repeated there: the last occurrence of a repeated key counts.
 */
function passesWhere({ where, whereReads = 0 }: Statement, row: Row, event: EventAttributes): boolean {
  if (where === undefined) {
    readRow(row);
    return true;
  }
  if (!readSome(row, whereReads)) return where(row, event);
  const verdict = tryWhere(where, row, event);
  if (verdict === false && !mayRepeat(row, whereReads)) return false;
  finishRow(row);
  return verdict === true && !row.repeated ? true : where(row, event);
}

/** Evaluates WHERE. Returns undefined if it fails: a repeated key later in the event may still change the column. */
function tryWhere(where: NonNullable<Statement['where']>, row: Row, event: EventAttributes): boolean | undefined {
  try {
    return where(row, event);
  } catch (error) {
    if (error instanceof SqlError || error instanceof EventRejected) return undefined;
    throw error;
  }
}

/** The first microsecond of the years 1 to 9999, which RFC 3339 can write, and the first one after them. */
const FIRST_TIME = BigInt(daysFromCivil(1, 1, 1)) * MICROS_PER_DAY;
const END_OF_TIMES = BigInt(daysFromCivil(10_000, 1, 1)) * MICROS_PER_DAY;

/** Returns the time that TIMESTAMP BY gave in RFC 3339. Throws `SqlError` when no event can have it. */
export function checkedTime(time: bigint | null): string {
  if (time === null)
    throw new SqlError('22004', 'TIMESTAMP BY is null, and an event needs a time: use COALESCE(…, time)');
  if (time < FIRST_TIME || time >= END_OF_TIMES)
    throw new SqlError(
      '22008',
      `the time that TIMESTAMP BY gives is ${timestamptzText(time)}, but an event's time lies in the years 1 to 9999`,
    );
  return timestamptzJson(time);
}

/** Throws `SqlError` when what PARTITION BY gave cannot be an event's key. */
export function checkedKey(key: string | null): string {
  const fault = keyFault(key ?? '');
  if (fault === undefined) return key as string;
  if (fault.kind === 'empty')
    throw new SqlError('22004', 'PARTITION BY is null or empty, and an event needs a key: use COALESCE');
  throw new SqlError(KEY_CODES[fault.kind], `the key that PARTITION BY gives ${fault.message}`);
}

const KEY_CODES = { 'too long': '22001', 'not Unicode': '22021' } as const;
