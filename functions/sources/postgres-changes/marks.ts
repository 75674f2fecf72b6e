import { randomBytes } from 'node:crypto';
import type { Database } from '../../clients/postgres.ts';
import type { KeptLog } from '../../runtime/source.ts';
import { MESSAGE_PREFIX } from './decode.ts';
import type { MovingPosition } from './follow-position.ts';
import { keptLog, type Retained, retainedFor } from './kept-log.ts';
import { type Lsn, parseLsn } from './lsn.ts';
import { acknowledgedBy } from './position.ts';

/**
 * Messages of ours in the server's log, each in a transaction of its own. They write nothing into any table. They show
 * how far the log was read when a run began, move the position of a database in which nothing else happens, so that the
 * server need not keep the log of its other databases, and show by their random content that the server is the same.
 */
export interface Marks {
  /** True once for each message, when it has been read. Throws when a message could not be written. */
  wasRead(): boolean;
  /** Say where the server's log ends. */
  serverIsAt(lsn: Lsn): void;
  writeWhenDue(): void;
  /** What the server keeps of its log for us. It is asked with each message. */
  kept(): KeptLog | undefined;
  /** The same, once after each time that the server was asked. */
  news(): KeptLog | undefined;
}

const MARK_EVERY_MILLIS = 60_000;

/** A message is written earlier when the server keeps so much for us. */
const MOST_KEPT_BYTES = 48n * 1024n * 1024n;
const SHORTEST_MARK_MILLIS = 2_000;

/** Opens the marks of a run, and writes the first one. */
export function openMarks(
  database: Database,
  { slot, moving, signal }: { readonly slot: string; readonly moving: MovingPosition; readonly signal: AbortSignal },
): Marks {
  let failure: unknown;
  let isOut = false;
  let writtenMillis = 0;
  let serverAt = 0n;
  let retained: Retained | undefined;
  let keeps: KeptLog | undefined;
  let isNews = false;

  const write = (): void => {
    const content = `${slot}:${randomBytes(12).toString('base64url')}`;
    moving.expect(content);
    isOut = true;
    writtenMillis = Date.now();
    database
      .use(signal, async (client) => {
        await client.query('SELECT pg_logical_emit_message(true, $1, $2)', [MESSAGE_PREFIX, content]);
        const before = retained;
        retained = await retainedFor(async (text) => (await client.query(text)).rows[0], slot);
        keeps = retained && keptLog(retained, before);
        isNews = true;
      })
      .catch((error: unknown) => {
        failure ??= error;
      });
  };

  const waiting = (): bigint => serverAt - parseLsn(acknowledgedBy(moving.now()));

  write();
  return {
    kept: () => keeps,
    news() {
      const news = isNews ? keeps : undefined;
      isNews = false;
      return news;
    },
    wasRead() {
      if (failure !== undefined) throw failure;
      if (!isOut || !moving.hasSeen()) return false;
      isOut = false;
      return true;
    },
    serverIsAt(lsn) {
      serverAt = lsn;
    },
    writeWhenDue() {
      const sinceMillis = Date.now() - writtenMillis;
      const isFull = waiting() > MOST_KEPT_BYTES && sinceMillis >= SHORTEST_MARK_MILLIS;
      if (!isOut && (isFull || sinceMillis >= MARK_EVERY_MILLIS)) write();
    },
  };
}
