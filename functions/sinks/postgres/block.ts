import type pg from 'pg';
import { type CopyIn, copyIn } from '../../clients/postgres.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import { CHUNK_BYTES } from './copy-text.ts';
import { isRowsFault, rejectionOf } from './refusal.ts';
import type { RowEncoder } from './row-encoder.ts';
import {
  copyInto,
  copyIntoRaw,
  createRaw,
  createStage,
  emptyStage,
  type Merging,
  merge,
  mergeByHalves,
  readRefused,
} from './statements.ts';

/**
 * Some thousand rows of one shape on their way into the table, under a savepoint of their own: what the database
 * refuses is found among these, and only these events are kept until they have landed.
 */
export interface Block {
  readonly merging: Merging;
  /** Adds the row that the encoder read last. A rejection: it was not added. */
  add(event: ReceivedEvent): Rejection | undefined;
  /** Whether there is enough to be sent. */
  isWaiting(): boolean;
  /** Hands on what waits; the network takes it while the next rows are being encoded. */
  send(): Promise<void>;
  /** To be finished, and followed by another one. */
  isFull(): boolean;
  /** When it resolves, the rows have landed, but for those it resolves to. */
  finish(): Promise<readonly Rejection[]>;
}

const BLOCK_ROWS = 50_000;
const BLOCK_BYTES = 16 * 1024 * 1024;

export function openBlock(client: pg.ClientBase, encoder: RowEncoder, merging: Merging): Block {
  const events: ReceivedEvent[] = [];
  const { key } = merging;
  let bytes = 0;
  let copy: CopyIn | undefined;
  let sent: Promise<void> = Promise.resolve();
  let failure: unknown;

  const send = async (): Promise<void> => {
    await sent;
    copy ??= copyIn(client, copyInto(merging));
    bytes += encoder.waiting();
    const lines = encoder.take();
    sent = copy.write(lines).then((isFree) => {
      if (isFree) encoder.giveBack(lines);
    });
    sent.catch(() => undefined);
  };

  const landed = async (): Promise<void> => {
    if (failure !== undefined) throw failure;
    await send();
    await sent;
    await copy?.finish();
    if (key !== undefined) await client.query(merge({ ...merging, key }));
  };

  return {
    merging,
    add(event) {
      const refusal = encoder.add(event.dataBytes, key === undefined ? undefined : events.length);
      if (refusal !== undefined) return rejectionOf(event, refusal);
      events.push(event);
      return undefined;
    },
    isWaiting: () => encoder.waiting() >= CHUNK_BYTES,
    async send() {
      try {
        await send();
      } catch (error) {
        failure = error;
      }
    },
    isFull: () => failure !== undefined || events.length >= BLOCK_ROWS || bytes >= BLOCK_BYTES,
    async finish() {
      if (events.length === 0) return [];
      try {
        await landed();
        return [];
      } catch (error) {
        if (!isRowsFault((error as pg.DatabaseError).code)) throw error;
        encoder.take();
        return landByHalves(client, encoder, { merging, events });
      }
    },
  };
}

/** Called when the database has refused something of the block: all of it is undone, and done again by halves. */
async function landByHalves(
  client: pg.ClientBase,
  encoder: RowEncoder,
  { merging, events }: { readonly merging: Merging; readonly events: readonly ReceivedEvent[] },
): Promise<readonly Rejection[]> {
  const { table } = merging;
  await client.query(`ROLLBACK TO SAVEPOINT millrace_block; ${createStage(table)}; ${createRaw(table)}`);
  const copy = copyIn(client, copyIntoRaw(merging));
  for (const [ordinal, { dataBytes }] of events.entries()) {
    encoder.read(dataBytes);
    encoder.add(dataBytes, ordinal);
    if (encoder.waiting() >= CHUNK_BYTES) await copy.write(encoder.take());
  }
  await copy.write(encoder.take());
  await copy.finish();
  await client.query(mergeByHalves(merging, events.length));
  const { rows } = await client.query<RefusedRow>(readRefused);
  return rows.map(({ ordinal, code, message, field }) =>
    rejectionOf(events[ordinal] as ReceivedEvent, { code, message, column: field ?? undefined }),
  );
}

interface RefusedRow {
  readonly ordinal: number;
  readonly code: string;
  readonly message: string;
  readonly field: string | null;
}

/** Before each block but a transaction's first. */
export const betweenBlocks = (merging: Merging): string =>
  `RELEASE SAVEPOINT millrace_block; ${merging.key === undefined ? '' : `${emptyStage};`} SAVEPOINT millrace_block`;
