import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ReceivedEvent } from '../../event.ts';
import { LEFT_ROWS } from '../../join.ts';
import { checkIdSize, checkRowSize, type PublishedEvent, type Table } from '../../table.ts';
import { runnerOf } from '../sql-transform.ts';
import type { Compiled } from './rekey.ts';
import { matchId } from './row-event.ts';
import { braced, eventKeyOf, isDeletion, rowKeyOf } from './side-event.ts';
import { sideKey, splitTexts } from './side-row.ts';

/** The left input of a join by a foreign key. */
export interface LeftInput {
  readonly entry: string;
  readonly file: string;
  readonly shape: string;
  readonly from: z.ZodType;
  /** How many columns the key of a row has, and how many the foreign key. */
  readonly ids: number;
  readonly foreignKeys: number;
  /** Projects a row: its key, the foreign key, and what the join reads. */
  readonly row: Compiled;
  /** Projects the key of an event that deletes a row. */
  readonly deleted: Compiled;
}

/** What is kept of a row of the left input, as JSON. */
const LeftState = z.object({ key: z.string().nullable(), version: z.string() });

/**
 * Makes the table that keeps the foreign key of each row of the left input, and publishes each change of a row. An
 * event that leaves its row as it was publishes nothing.
 *
 * A version is a hash of what the row is, so that a row that was deleted, or moved away and came back, has the version
 * again that it had: with that foreign key its matches come from one shard, in one order.
 */
export function leftRows({ entry, file, shape, from, ids, foreignKeys, row, deleted }: LeftInput): Table {
  const [project, projectDeleted] = [runnerOf({ ...row, file }), runnerOf({ ...deleted, file })];
  const read = (event: ReceivedEvent) => {
    const isGone = isDeletion(event);
    const [made] = (isGone ? projectDeleted : project)(event);
    if (made === undefined) throw new Error('the projection of a row has no filter, and made no row');
    const { texts, body } = splitTexts(made.dataBytes, isGone ? ids : ids + foreignKeys);
    const id = rowKeyOf(event, sideKey(texts.slice(0, ids)));
    if (isGone) return { id, row: undefined };
    const { key } = sideKey(texts.slice(ids));
    // What is refused here is refused before anything of it is in the log.
    checkIdSize(matchId(key ?? '', id));
    checkRowSize(body.length * ROWS_IN_STATE);
    const version = createHash('sha256')
      .update(JSON.stringify([key]))
      .update(body)
      .digest('base64url')
      .slice(0, 22);
    return { id, row: { key, version, body } };
  };
  return {
    entry,
    from,
    reads: [...new Set([...row.columns, ...deleted.columns])],
    part: LEFT_ROWS,
    row: z.object({ id: z.string() }),
    key: ['id'],
    publishesEvents: true,
    state: {
      shape: `rows of a ${shape}`,
      load: (text) => text,
      save: (state) => state as string,
      rowOf: () => undefined,
    },
    read(event) {
      const { id, row: now } = read(event);
      let published: readonly PublishedEvent[] = [];
      return [
        {
          id: JSON.stringify(id),
          reduce(state) {
            const old = state === undefined ? undefined : LeftState.parse(JSON.parse(state as string));
            const isSame = old?.version === now?.version;
            published = isSame ? [] : [rowEvent(event, { id, now, before: old?.key ?? null })];
            return now && JSON.stringify({ key: now.key, version: now.version });
          },
          published: () => published,
        },
      ];
    },
  };
}

/** The table of the joined rows keeps a row twice until it is known what the row meets, and that beside it. */
const ROWS_IN_STATE = 2;

interface Change {
  readonly id: string;
  readonly now: { readonly key: string | null; readonly version: string; readonly body: Buffer } | undefined;
  readonly before: string | null;
}

function rowEvent({ type, time, traceparent }: ReceivedEvent, { id, now, before }: Change): PublishedEvent {
  const head = { id, version: now?.version ?? null, key: now?.key ?? null, before };
  const text = JSON.stringify(head);
  const members = now === undefined ? [] : [Buffer.from(`${text.slice(0, -1)},"row":`), braced(now.body), CLOSE];
  return {
    type,
    time,
    traceparent,
    key: eventKeyOf(id),
    dataBytes: now === undefined ? Buffer.from(text) : Buffer.concat(members),
  };
}

const CLOSE = Buffer.from('}');
