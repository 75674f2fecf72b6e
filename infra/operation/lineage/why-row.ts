import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { describeStream } from '../../../functions/runtime/log/shards.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { EVENT_COLUMN, type NotedEvent, readEventNote } from '../../../functions/sinks/postgres/event-column.ts';
import { quoted, quotedTable } from '../../../functions/sinks/postgres/names.ts';
import { postgresDefinition } from '../../../functions/sinks/postgres/postgres.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { inspectEvent } from '../inspect-event.ts';
import { openQuestions, ProgressOutOfReach } from '../sink-progress.ts';
import { type FoundEvents, findEvents } from './find-events.ts';
import { type Origin, originOf } from './origin.ts';
import { keyMatcher, type RowKey, rowKeyOf } from './row-key.ts';
import { inputOf } from './trace-back.ts';
import type { TracedEvent } from './traced-event.ts';
import type { Tracing } from './tracing.ts';

/** Why a row of a sink is as it is. */
export type RowReason = {
  readonly key: RowKey;
} & (
  | {
      /** The row says which event it is of, and the log holds that. `rows`: how many have the key. */
      readonly how: 'noted';
      readonly event: TracedEvent;
      readonly rows: number;
    }
  | {
      /** The row says which event it is of, and the log has trimmed that. */
      readonly how: 'trimmed';
      readonly noted: NotedEvent;
      readonly origin: Origin;
      /** The event that a transform has made it of, if the log still holds that. */
      readonly input: TracedEvent | undefined;
    }
  | ({
      /** The row does not say it, so the log was searched by the key. */
      readonly how: 'searched';
      readonly because: string;
    } & FoundEvents)
  /** The table has no such row. */
  | { readonly how: 'no-row' }
);

/**
 * Finds the event that made a row what it is. Where the table has the column of each row's last event, the row names
 * it; otherwise the whole stream is read for the last event whose data has the row's key. `words` are the values of the
 * key's columns, or `column=value` for any columns.
 */
export async function whyRow(step: SinkPlan, words: readonly string[], tracing: Tracing): Promise<RowReason> {
  if (step.connector !== 'postgres')
    throw new UserMistake(
      `'${step.name}' is a sink of ${step.connector}: only rows of Postgres and objects are explained`,
    );
  const { table, key: columns } = parseOrExplain(
    postgresDefinition.options,
    step.options,
    `the options of '${step.name}'`,
  );
  const key = rowKeyOf({ name: step.name, key: columns }, words);
  const asked = await askRow(step, { table, key }, tracing);
  if (asked.notes === undefined) {
    const isMatch = keyMatcher(key);
    const matches = ({ data }: ReceivedEvent): boolean => isMatch(data);
    const { target, signal } = tracing;
    const search = { stream: step.input.stream, from: 'earliest', matches, want: 'last', signal } as const;
    return { key, how: 'searched', because: asked.because, ...(await findEvents({ target }, search)) };
  }
  const { notes } = asked;
  const [noted] = notes;
  if (noted === undefined) return { key, how: 'no-row' };
  const { origin, input } = await originAndInput(noted, tracing);
  const event =
    noted.place === undefined ? await outputOf(step, { noted, input }, tracing) : await eventAt(step, noted, tracing);
  if (event !== undefined) return { key, how: 'noted', event, rows: notes.length };
  return { key, how: 'trimmed', noted, origin, input };
}

/** The rows of which notes are read, where several have the values that somebody named. */
const MOST_ROWS = 100;

/** Reads what rows note of their events, or says why they cannot say it. */
async function askRow(
  step: SinkPlan,
  { table, key }: { readonly table: string; readonly key: RowKey },
  { target, signal }: Tracing,
): Promise<{ readonly notes: readonly NotedEvent[] } | { readonly notes?: undefined; readonly because: string }> {
  const name = quotedTable(table);
  const conditions = Object.keys(key).map((column, index) => `t.${quoted(column)} = $${index + 1}`);
  try {
    const { ask, close } = await openQuestions(step, target, signal);
    try {
      const isThere = 'SELECT 1 AS one FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2';
      const found = await ask((client) => client.query(isThere, [name, EVENT_COLUMN]));
      if (found.rows.length === 0) return { because: `the table has no column ${EVENT_COLUMN}` };
      const select = `SELECT t.${EVENT_COLUMN} AS note FROM ${name} t WHERE ${conditions.join(' AND ')} LIMIT ${MOST_ROWS}`;
      const { rows } = await ask((client) => client.query<{ note: string | null }>(select, Object.values(key)));
      const notes = rows.flatMap(({ note }) => readEventNote(note ?? '') ?? []);
      if (notes.length < rows.length)
        return { because: `the row was written before the table had the column ${EVENT_COLUMN}` };
      return { notes };
    } finally {
      await close();
    }
  } catch (error) {
    if (error instanceof ProgressOutOfReach) return { because: `the row cannot be read: ${causeOf(error)}` };
    throw error;
  }
}

function causeOf({ cause, message }: ProgressOutOfReach): string {
  return cause instanceof Error ? cause.message : message;
}

/** Returns what the source and the sequence of an event say about where it came from. */
async function originAndInput(
  { source = '', sequence }: NotedEvent,
  tracing: Tracing,
): Promise<{ readonly origin: Origin; readonly input: TracedEvent | undefined }> {
  const steps = tracing.find.plans().flatMap((plan) => plan.steps);
  const origin = originOf({ source, sequence }, steps);
  const input = origin.kind === 'transform' ? await inputOf(origin.step, origin.from, tracing) : undefined;
  return { origin, input };
}

/** Finds an output of a transform. It is behind its input in time, and nearly always close to it. */
async function outputOf(
  { input: { stream } }: SinkPlan,
  { noted, input }: { readonly noted: NotedEvent; readonly input: TracedEvent | undefined },
  { target, signal }: Tracing,
): Promise<TracedEvent | undefined> {
  const matches = (event: ReceivedEvent): boolean => event.sequence === noted.sequence && event.source === noted.source;
  const from = input === undefined ? 'earliest' : new Date(input.arrivedMillis);
  return (await findEvents({ target }, { stream, from, matches, want: 'first', signal })).event;
}

async function eventAt(
  { input: { stream } }: SinkPlan,
  { place, source, sequence }: NotedEvent,
  { target, signal }: Tracing,
): Promise<TracedEvent | undefined> {
  const { kinesis } = target.clients;
  const name = target.streamName(stream);
  const { shards } = await describeStream(kinesis, name, signal);
  if (place === undefined || !shards.some(({ id }) => id === place.shard)) return undefined;
  const { shard, position } = place;
  const found = await inspectEvent(kinesis, { stream: name, shard, position }, signal);
  if (found === undefined) return undefined;
  const { event, record } = found;
  const isOther = (noted: string | undefined, read: string | undefined): boolean =>
    noted !== undefined && noted !== read;
  if (isOther(source, event.source) || isOther(sequence, event.sequence)) return undefined;
  return { stream, shard, event, arrivedMillis: record.approximateArrivalMillis };
}
