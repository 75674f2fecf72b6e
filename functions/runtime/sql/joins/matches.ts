import { z } from 'zod';
import { EventRejected } from '../../errors.ts';
import type { ReceivedEvent } from '../../event.ts';
import { MATCHES, SideEvent } from '../../join.ts';
import { memberRanges, textOf } from '../../json/json-ranges.ts';
import { checkRowSize, type KeyedEvent, type PublishedEvent, type Table } from '../../table.ts';
import { matchesOf, matchId } from './row-event.ts';
import { eventKeyOf, isDeletion, readSide, type SideNames } from './side-event.ts';

interface Matching {
  readonly entry: string;
  readonly streams: SideNames;
  readonly shape: string;
}

/** What an event of the left side says: the version of a row that has the foreign key. Null: the row has it no more. */
const LeftNote = z.object({ id: z.string(), version: z.string().nullable() });

/**
 * Makes the table that keeps, for each foreign key, the row of the right input and the versions of the rows of the left
 * input that have it. It answers each of these once it comes, also where it meets nothing; and it says to all of them
 * what the row of the right input has become. A row that leaves a foreign key gets no answer from there: the answer of
 * its new foreign key could come first.
 */
export function matches({ entry, streams, shape }: Matching): Table {
  return {
    entry,
    from: SideEvent,
    part: MATCHES,
    row: z.object({ key: z.string() }),
    key: ['key'],
    publishesEvents: true,
    state: {
      shape: `matches of a ${shape}`,
      load: (text) => text,
      save: (state) => state as string,
      rowOf: () => undefined,
    },
    read(event) {
      const { side, id, row } = readSide(event, streams);
      const key = JSON.parse(id) as string | null;
      if (key === null) throw new EventRejected('schema', 'the event has no key, and none that a join re-keys is so');
      if (side === 'right') return [ofRight(event, { id, key, row: isDeletion(event) ? undefined : row })];
      const note = LeftNote.safeParse(JSON.parse(row));
      if (!note.success) throw new EventRejected('schema', 'the event says nothing of a row of the left input');
      return ofLeft(event, { id, key, note: note.data });
    },
  };
}

interface OfLeft {
  readonly id: string;
  readonly key: string;
  readonly note: z.infer<typeof LeftNote>;
}

function ofLeft(event: ReceivedEvent, { id, key, note: { id: rowId, version } }: OfLeft): readonly KeyedEvent[] {
  const own: KeyedEvent = { id: matchId(key, rowId), reduce: () => version ?? undefined };
  if (version === null) return [own];
  let found: string | undefined;
  const asked: KeyedEvent = {
    id,
    reduce(state) {
      found = state === undefined ? undefined : rightOf(state as string).row;
      return state;
    },
    published: () => [answer(event, { id: rowId, version, found })],
  };
  return [own, asked];
}

interface OfRight {
  readonly id: string;
  readonly key: string;
  /** Undefined: the row is deleted. */
  readonly row: string | undefined;
}

function ofRight(event: ReceivedEvent, { id, key, row }: OfRight): KeyedEvent {
  const { above, below } = matchesOf(key);
  const name = `${event.source} ${event.id}`;
  let after = above;
  return {
    id,
    reduce(state) {
      const before = state === undefined ? undefined : rightOf(state as string);
      // Another event may have been given up half-way: its mark means nothing to this one.
      after = before?.told?.by === name ? before.told.after : above;
      if (row !== undefined) checkRowSize(Buffer.byteLength(row));
      return row === undefined ? undefined : `{"row":${row}}`;
    },
    spread: {
      above,
      below,
      after: () => after,
      publish: (other, version) => [
        answer(event, { id: rowIdOf(other, above), version: version as string, found: row }),
      ],
      paused: (reached) => {
        const told = `"told":${JSON.stringify({ by: name, after: reached })}`;
        return row === undefined ? `{${told}}` : `{"row":${row},${told}}`;
      },
    },
  };
}

const rowIdOf = (id: string, above: string): string => JSON.parse(id.slice(above.length)) as string;

/** What is kept of the row of the right input: a deleted row is kept while its event is not yet done. */
interface Right {
  readonly row: string | undefined;
  /** Set while an event has told a part of the rows: which event, and up to which row. */
  readonly told: { readonly by: string; readonly after: string } | undefined;
}

function rightOf(state: string): Right {
  const bytes = Buffer.from(state);
  const members = memberRanges(bytes);
  const [row, told] = ['row', 'told'].map((name) => {
    const range = members.get(name);
    return range === undefined ? undefined : textOf(bytes, range);
  });
  return { row, told: told === undefined ? undefined : (JSON.parse(told) as Right['told']) };
}

interface Answer {
  readonly id: string;
  readonly version: string;
  readonly found: string | undefined;
}

function answer({ type, time, traceparent }: ReceivedEvent, { id, version, found }: Answer): PublishedEvent {
  const head = JSON.stringify({ id, version });
  const dataBytes = Buffer.from(`${head.slice(0, -1)},"found":${found ?? 'null'}}`);
  return { type, time, traceparent, key: eventKeyOf(id), dataBytes };
}
