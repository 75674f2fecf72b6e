import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import type { Slice } from '../../runtime/sink.ts';
import { type Block, betweenBlocks, openBlock } from './block.ts';
import { concernsAllRows, readRow } from './changes.ts';
import type { Prepared } from './connection.ts';
import { eventNoter } from './event-column.ts';
import { TableTooNarrow } from './growth.ts';
import type { RowResult, Shape } from './row-encoder.ts';
import { type RejectedRow, rejectionOf } from './row-rejection.ts';
import { empty } from './truncation.ts';

/**
 * Writes the events into the table, in their order, inside the open transaction. Resolves to the rejected events, in
 * the order of the log. Throws `TableTooNarrow` when a row needs a column that the table would grow.
 */
export async function writeRows(
  client: pg.ClientBase,
  { table, key, mirror, encoder, growth }: Prepared,
  { shard, pages }: Pick<Slice, 'shard' | 'pages'>,
): Promise<readonly Rejection[]> {
  const rejected: RejectedRow[] = [];
  const refused: Rejection[] = [];
  const noteOf = noterOf(table, shard);
  let block: Block | undefined;

  /** Finishes the block, and opens the next one for an event of this shape. */
  const nextBlock = async (event: ReceivedEvent, shape: Shape): Promise<Block> => {
    const merging = { table, shape, key, mirror };
    if (block !== undefined) {
      rejected.push(...(await block.finish()));
      await client.query(betweenBlocks(merging));
      // To find rejected rows, finishing may have read other events with the encoder.
      readRow(encoder, event, merging);
    }
    return openBlock(client, { encoder, noteOf }, merging);
  };

  // No await for each event: it would cost as much as the encoding.
  for await (const page of pages) {
    for (const event of page) {
      if (concernsAllRows(event, mirror)) {
        rejected.push(...(await finished(block)));
        refused.push(...(await emptied(client, { table, key, mirror }, event)));
        block = undefined;
        continue;
      }
      const result = knownRow(readRow(encoder, event, { mirror, shape: block?.merging.shape }), {
        table,
        event,
        growth,
      });
      if (result.outcome === 'rejected') {
        rejected.push({ event, why: result.rejection });
        continue;
      }
      if (block?.merging.shape !== result.shape || block.isFull()) block = await nextBlock(event, result.shape);
      const notAdded = block.add(event);
      if (notAdded !== undefined) rejected.push(notAdded);
      else if (block.isWaiting()) await block.send();
    }
  }
  rejected.push(...(await finished(block)));
  refuseNarrow(table, growth, rejected);
  const rejections = [...refused, ...rejected.map(({ event, why }) => rejectionOf(event, why))];
  return rejections.sort((a, b) => (a.at < b.at ? -1 : 1));
}

async function finished(block: Block | undefined): Promise<readonly RejectedRow[]> {
  return (await block?.finish()) ?? [];
}

/** Throws `TableTooNarrow` when a row that is rejected may fit once a column has grown. */
function refuseNarrow(
  { written }: Prepared['table'],
  growth: Prepared['growth'],
  rejected: readonly RejectedRow[],
): void {
  const narrow = [...growth.values()].filter(({ isNew, column }) => !isNew && rejected.some(mayNeed(column)));
  const columns = narrow.map(({ column }) => column);
  if (columns.length > 0) throw new TableTooNarrow(written, columns);
}

/** Where Postgres names no column, each of them may be at fault. */
const mayNeed =
  (name: string) =>
  ({ why: { column = name } }: RejectedRow): boolean =>
    column === name;

interface Reading extends Pick<Prepared, 'table' | 'growth'> {
  readonly event: ReceivedEvent;
}

/**
 * Throws for a field that the table has no column for: a `UserMistake`, or `TableTooNarrow` where the table may grow.
 */
function knownRow(result: RowResult, reading: Reading): Exclude<RowResult, { readonly outcome: 'unknown' }> {
  if (result.outcome === 'unknown') throw unknownField(result.field, reading);
  return result;
}

/** Empties the mirror. Resolves to the rejection of the event, if it is rejected. */
async function emptied(
  client: pg.ClientBase,
  into: Pick<Prepared, 'table' | 'key' | 'mirror'>,
  event: ReceivedEvent,
): Promise<readonly Rejection[]> {
  const rejection = await empty(client, into, event);
  return rejection === undefined ? [] : [rejection];
}

function noterOf({ notesEvents }: Prepared['table'], shard: string): (event: ReceivedEvent) => string {
  return notesEvents ? eventNoter(shard) : () => '';
}

/**
 * The event is not at fault, so it must not become a dead letter: with a column missing, the whole stream would end up
 * there.
 */
function unknownField(field: string, { table: { written, name, generated }, event, growth }: Reading): Error {
  if (growth.get(field)?.isNew === true) {
    const fields = Object.keys(event.data as object);
    return new TableTooNarrow(
      written,
      fields.filter((each) => growth.get(each)?.isNew === true),
    );
  }
  return new UserMistake(
    generated.has(field)
      ? `the column ${field} of the table ${written} is generated, and an event has a value for it: drop the field in a transform, or alter the column`
      : `the table ${written} has no column for the field ${field}: alter table ${name} add column "${field}" …, or drop the field in a transform`,
  );
}
