import type pg from 'pg';
import { type CopyIn, copyIn } from '../../clients/postgres.ts';
import type { ReceivedEvent } from '../../runtime/event.ts';
import { ownValues, readRow } from './changes.ts';
import { CHUNK_BYTES } from './copy-text.ts';
import type { RowEncoder } from './row-encoder.ts';
import { isRowsFault, type RejectedRow } from './row-rejection.ts';
import {
  copyInto,
  copyIntoRaw,
  createRaw,
  createStage,
  emptyStage,
  type Merging,
  merge,
  mergeByHalves,
  readRejected,
} from './statements.ts';

/**
 * Some thousand rows of one shape on their way into the table, under a savepoint of their own. When the database
 * rejects a row, only these rows are undone and searched, and only these events have to stay in memory.
 */
export interface Block {
  readonly merging: Merging;
  /** Adds the row that the encoder read last. Returns why when the row was not added. */
  add(event: ReceivedEvent): RejectedRow | undefined;
  /** True when enough lines have gathered to be worth sending. */
  isWaiting(): boolean;
  /** Sends the gathered lines; the network transfers them while the next rows are being encoded. */
  send(): Promise<void>;
  /** True when the block has to be finished and the next row needs a new block. */
  isFull(): boolean;
  /** Resolves when the rows are in the table, to those that are not. */
  finish(): Promise<readonly RejectedRow[]>;
}

const BLOCK_ROWS = 50_000;
const BLOCK_BYTES = 16 * 1024 * 1024;

/** How the rows of a block are written as lines. */
export interface Encoding {
  readonly encoder: RowEncoder;
  /** Writes the note of an event for the table's column of it. */
  readonly noteOf: (event: ReceivedEvent) => string;
}

export function openBlock(client: pg.ClientBase, { encoder, noteOf }: Encoding, merging: Merging): Block {
  const events: ReceivedEvent[] = [];
  const { key, mirror } = merging;
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
      const own = key === undefined ? '' : ownValues(events.length, event, mirror);
      const why = encoder.add(event.dataBytes, own, noteOf(event));
      if (why !== undefined) return { event, why };
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
        if (!isRowsFault(error as pg.DatabaseError)) throw error;
        encoder.take();
        return landByHalves(client, { encoder, noteOf }, { merging, events });
      }
    },
  };
}

/** Undoes a block of which the database has rejected something, and writes the block again by halves. */
async function landByHalves(
  client: pg.ClientBase,
  { encoder, noteOf }: Encoding,
  { merging, events }: { readonly merging: Merging; readonly events: readonly ReceivedEvent[] },
): Promise<readonly RejectedRow[]> {
  await client.query(`ROLLBACK TO SAVEPOINT millrace_block; ${createStage(merging)}; ${createRaw(merging)}`);
  const copy = copyIn(client, copyIntoRaw(merging));
  for (const [ordinal, event] of events.entries()) {
    readRow(encoder, event, merging);
    encoder.add(event.dataBytes, ownValues(ordinal, event, merging.mirror), noteOf(event));
    if (encoder.waiting() >= CHUNK_BYTES) await copy.write(encoder.take());
  }
  await copy.write(encoder.take());
  await copy.finish();
  await client.query(mergeByHalves(merging, events.length));
  const { rows } = await client.query<FoundRow>(readRejected);
  return rows.map(({ ordinal, code, message, field }) => ({
    event: events[ordinal] as ReceivedEvent,
    why: { code, message, column: field ?? undefined },
  }));
}

interface FoundRow {
  readonly ordinal: number;
  readonly code: string;
  readonly message: string;
  readonly field: string | null;
}

/** The statements before each block but a transaction's first. */
export const betweenBlocks = ({ key }: Pick<Merging, 'key'>): string =>
  `RELEASE SAVEPOINT millrace_block; ${key === undefined ? '' : `${emptyStage};`} SAVEPOINT millrace_block`;
