import type pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import { type Block, betweenBlocks, openBlock } from './block.ts';
import { rejectionOf } from './refusal.ts';
import type { RowEncoder, Shape } from './row-encoder.ts';
import type { Table } from './table.ts';

/**
 * Brings the events into the table, in their order, inside the open transaction. Resolves to those that are refused, in
 * the log's order.
 */
export async function writeRows(
  client: pg.ClientBase,
  into: { readonly table: Table; readonly key: readonly string[] | undefined; readonly encoder: RowEncoder },
  pages: AsyncIterable<readonly ReceivedEvent[]>,
): Promise<readonly Rejection[]> {
  const { table, key, encoder } = into;
  const rejections: Rejection[] = [];
  let block: Block | undefined;

  /** Finishes the block, and opens the one that takes the event, which has this shape. */
  const nextBlock = async (event: ReceivedEvent, shape: Shape): Promise<Block> => {
    const merging = { table, shape, key };
    if (block !== undefined) {
      rejections.push(...(await block.finish()));
      await client.query(betweenBlocks(merging));
      // The encoder may have looked at other events meanwhile, to find what was refused.
      encoder.read(event.dataBytes);
    }
    return openBlock(client, encoder, merging);
  };

  // An await for each event would cost as much as its encoding.
  for await (const page of pages) {
    for (const event of page) {
      const reading = encoder.read(event.dataBytes);
      if (reading.outcome === 'unknown') throw unknownField(table, reading.field);
      if (reading.outcome === 'refused') {
        rejections.push(rejectionOf(event, reading.refusal));
        continue;
      }
      if (block?.merging.shape !== reading.shape || block.isFull()) block = await nextBlock(event, reading.shape);
      const rejection = block.add(event);
      if (rejection !== undefined) rejections.push(rejection);
      else if (block.isWaiting()) await block.send();
    }
  }
  if (block !== undefined) rejections.push(...(await block.finish()));
  return rejections.sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** Nothing is wrong with the event: it would be lost among the dead letters, and with it the stream. */
function unknownField({ written, name, generated }: Table, field: string): UserMistake {
  return new UserMistake(
    generated.has(field)
      ? `the column ${field} of the table ${written} makes its own values, and an event has one: leave the field out in a transform, or alter the column`
      : `the table ${written} has no column for the field ${field}: alter table ${name} add column "${field}" …, or leave the field out in a transform`,
  );
}
