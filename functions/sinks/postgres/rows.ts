import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import { type Block, betweenBlocks, openBlock } from './block.ts';
import { concernsAllRows, readRow } from './changes.ts';
import type { Prepared } from './connection.ts';
import type { RowResult, Shape } from './row-encoder.ts';
import { rejectionOf } from './row-rejection.ts';
import type { Table } from './table.ts';
import { empty } from './truncation.ts';

/**
 * Writes the events into the table, in their order, inside the open transaction. Resolves to the rejected events, in
 * the order of the log.
 */
export async function writeRows(
  client: pg.ClientBase,
  { table, key, mirror, encoder }: Prepared,
  pages: AsyncIterable<readonly ReceivedEvent[]>,
): Promise<readonly Rejection[]> {
  const rejections: Rejection[] = [];
  let block: Block | undefined;

  /** Finishes the block, and opens the next one for an event of this shape. */
  const nextBlock = async (event: ReceivedEvent, shape: Shape): Promise<Block> => {
    const merging = { table, shape, key, mirror };
    if (block !== undefined) {
      rejections.push(...(await block.finish()));
      await client.query(betweenBlocks(merging));
      // To find rejected rows, finishing may have read other events with the encoder.
      readRow(encoder, event, merging);
    }
    return openBlock(client, encoder, merging);
  };

  // No await for each event: it would cost as much as the encoding.
  for await (const page of pages) {
    for (const event of page) {
      if (concernsAllRows(event, mirror)) {
        rejections.push(...(await emptyBehind(client, { table, key, mirror, block }, event)));
        block = undefined;
        continue;
      }
      const result = knownRow(table, readRow(encoder, event, { mirror, shape: block?.merging.shape }));
      if (result.outcome === 'rejected') {
        rejections.push(rejectionOf(event, result.rejection));
        continue;
      }
      if (block?.merging.shape !== result.shape || block.isFull()) block = await nextBlock(event, result.shape);
      const rejection = block.add(event);
      if (rejection !== undefined) rejections.push(rejection);
      else if (block.isWaiting()) await block.send();
    }
  }
  rejections.push(...((await block?.finish()) ?? []));
  return rejections.sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** Throws a `UserMistake` for a field that the table has no column for. */
function knownRow(table: Table, result: RowResult): Exclude<RowResult, { readonly outcome: 'unknown' }> {
  if (result.outcome === 'unknown') throw unknownField(table, result.field);
  return result;
}

/** Finishes the block, and empties the mirror behind it. Resolves to the rejections of both. */
async function emptyBehind(
  client: pg.ClientBase,
  { block, ...into }: Omit<Prepared, 'encoder'> & { readonly block: Block | undefined },
  event: ReceivedEvent,
): Promise<readonly Rejection[]> {
  const before = (await block?.finish()) ?? [];
  const rejection = await empty(client, into, event);
  return rejection === undefined ? before : [...before, rejection];
}

/**
 * The event is not at fault, so it must not become a dead letter: with a column missing, the whole stream would end up
 * there.
 */
function unknownField({ written, name, generated }: Table, field: string): UserMistake {
  return new UserMistake(
    generated.has(field)
      ? `the column ${field} of the table ${written} is generated, and an event has a value for it: drop the field in a transform, or alter the column`
      : `the table ${written} has no column for the field ${field}: alter table ${name} add column "${field}" …, or drop the field in a transform`,
  );
}
