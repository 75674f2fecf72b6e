import type { z } from 'zod';
import { EventRejected } from '../errors.ts';
import type { ReceivedEvent } from '../event.ts';
import { type Join, joinRow, SideEvent } from '../join.ts';
import { checkRowSize, type KeyedEvent, type PublishedEvent, type Table } from '../table.ts';
import type { Output, Transform } from '../transform.ts';
import { type Compiled, rekeyed, rekeyingRows } from './joins/rekey.ts';
import { braced, isDeletion, readSideBytes, type SideNames, sideEvent, sidesIn } from './joins/side-event.ts';
import { joinedRow, memberBytes, membersOf, type SideRow } from './joins/side-row.ts';
import { latestRow, loadVersions, saveVersions, type Versions, versionAt, withVersion } from './joins/versions.ts';
import { runnerOf } from './sql-transform.ts';
import { timestamptzFromText } from './time/timestamps.ts';

interface Definition<Inputs, To, S> {
  readonly entry: string;
  readonly file: string;
  readonly streams: S;
  /** A left join keeps the events that meet no row. */
  readonly kind: 'inner' | 'left';
  /** The columns in which the rows of the table have what they are joined by. */
  readonly keys: readonly string[];
  /** Set with AS OF: how long the versions of a row are kept. Without it, an event meets the row as it stands. */
  readonly versionsMillis?: number;
  readonly inputs: Inputs;
  readonly to: To;
  /** Projects the stream's events. */
  readonly left: Compiled;
  /** Projects the table's events, and those that delete a row. */
  readonly right: Compiled;
  readonly deleted: Compiled;
  /** Makes outputs of a row that holds both sides. */
  readonly row: Compiled;
}

/** The streams that the SQL of a join names. */
export interface JoinNames extends SideNames {
  readonly to?: string;
}

/** A join whose SQL names its streams. A stream may use `to` as its schema. */
export interface SqlJoin<Inputs extends Record<string, z.ZodType>, To extends z.ZodType, S extends JoinNames>
  extends Omit<Join<{ readonly [N in keyof Inputs]: z.input<Inputs[N]> }>, 'to' | 'inputs'> {
  readonly inputs: Inputs;
  readonly to: To;
  readonly streams: S;
}

/** Makes a join of a compiled statement. */
export function sqlJoin<
  const Inputs extends Record<string, z.ZodType>,
  To extends z.ZodType,
  const S extends JoinNames,
>(definition: Definition<Inputs, To, S>): SqlJoin<Inputs, To, S> {
  const { entry, inputs, to, streams } = definition;
  return {
    entry,
    inputs,
    to,
    streams,
    rekey: (input) => rekeying(definition, input),
    keep: joining(definition),
  };
}

type AnyDefinition = Definition<Record<string, z.ZodType>, z.ZodType, JoinNames>;

function rekeying(definition: AnyDefinition, input: string): Transform {
  const { file, streams, keys, left, right, deleted, kind } = definition;
  if (input === streams.right) {
    const table = { input, file, keys: keys.length, row: right, deleted };
    // Only the columns that the statement reads are checked, but the row is kept as a whole: a changed SELECT then
    // finds its columns in rows that are there already.
    return rekeyed(
      definition,
      input,
      rekeyingRows(table, ({ dataBytes }) => dataBytes),
    );
  }
  const project = runnerOf({ ...left, file });
  const isKept = ({ key }: SideRow): boolean => key !== null || kind === 'left';
  const run: Transform['run'] = (event) =>
    sidesIn(project(event), keys.length)
      .filter(isKept)
      .map((side) => sideEvent(event, { side: input, key: side.key, row: braced(side.body) }));
  return rekeyed(definition, input, { run, reads: left.columns });
}

/**
 * Makes the table whose rows are those of the right input, and which publishes what the events of the left input become
 * with them.
 */
function joining(definition: AnyDefinition): Table {
  const { entry, file, streams, row, kind, keys, versionsMillis } = definition;
  const run = runnerOf({ ...row, file });
  const meet = ({ id, source, type, time, key }: ReceivedEvent, own: Uint8Array, row: string | undefined) => {
    if (row === undefined && kind === 'inner') return [];
    // Of members with the same name the last one counts: that of the projection.
    const dataBytes = joinedRow(Buffer.from(membersOf(row ?? '{}')), memberBytes(own));
    return run({ id, source, type, time, key, dataBytes });
  };
  const headOf = headMaker(keys);
  const table = {
    entry,
    from: SideEvent,
    row: joinRow(keys),
    key: keys,
    publishesEvents: true,
    makesState: (event: ReceivedEvent) => isOfTable(event, streams),
  };
  if (versionsMillis !== undefined) return { ...table, ...ofVersions(keys, { streams, versionsMillis, meet }) };
  return {
    ...table,
    read(event) {
      const { side, id, row: own } = readSideBytes(event, streams);
      if (side === 'left')
        return [
          publishing(event, id, (state) =>
            meet(event, own, state === undefined ? undefined : rowIn(state as string, headOf(id))),
          ),
        ];
      const isDeleted = isDeletion(event);
      return [{ id, reduce: () => (isDeleted ? undefined : keptRow(headOf(id), Buffer.from(own).toString())) }];
    },
  };
}

/** An event that cannot be read is of no table: it is rejected when it comes, and nothing of it is kept. */
function isOfTable(event: ReceivedEvent, streams: SideNames): boolean {
  try {
    return readSideBytes(event, streams).side === 'right';
  } catch (error) {
    if (error instanceof EventRejected) return false;
    throw error;
  }
}

interface OfVersions {
  readonly streams: SideNames;
  readonly versionsMillis: number;
  meet(event: ReceivedEvent, own: Uint8Array, row: string | undefined): readonly Output[];
}

/** Keeps the versions of each row, of which an event meets that of its time. */
function ofVersions(
  keys: readonly string[],
  { streams, versionsMillis, meet }: OfVersions,
): Pick<Table, 'state' | 'read'> {
  const headOf = headMaker(keys);
  return {
    state: {
      shape: `versions 1 by ${keys.join(', ')}`,
      load: (text) => {
        const [id, versions] = JSON.parse(text) as [string, string];
        return { id, versions: loadVersions(versions) };
      },
      save: (state) => {
        const { id, versions } = state as KeptVersions;
        return JSON.stringify([id, saveVersions(versions)]);
      },
      rowOf(state) {
        const { id, versions } = state as KeptVersions;
        const row = latestRow(versions);
        return row === undefined ? undefined : `${headOf(id)}${row}}`;
      },
    },
    read(event) {
      const { side, id, row: own } = readSideBytes(event, streams);
      const micros = timestamptzFromText(event.time);
      if (side === 'left') {
        const rowOf = (state: unknown) => state && versionAt((state as KeptVersions).versions, micros);
        return [publishing(event, id, (state) => meet(event, own, rowOf(state) as string | undefined))];
      }
      const row = isDeletion(event) ? undefined : Buffer.from(own).toString();
      const reduce = (state: unknown): KeptVersions => ({
        id,
        versions: withVersion((state as KeptVersions | undefined)?.versions, { micros, row }, versionsMillis),
      });
      return [{ id, reduce }];
    },
  };
}

interface KeptVersions {
  readonly id: string;
  readonly versions: Versions;
}

/** Changes no row, and publishes what the event becomes with the row. */
function publishing(
  { traceparent }: ReceivedEvent,
  id: string,
  meet: (state: unknown) => readonly Output[],
): KeyedEvent {
  let published: readonly PublishedEvent[] = [];
  return {
    id,
    reduce(state) {
      published = [];
      published = meet(state).map(({ type, key, time, dataBytes }) => ({
        type,
        key,
        time,
        traceparent,
        dataBytes,
      }));
      return state;
    },
    published: () => published,
  };
}

function keptRow(before: string, row: string): string {
  const text = `${before}${row}}`;
  checkRowSize(Buffer.byteLength(text));
  return text;
}

const rowIn = (kept: string, before: string): string => kept.slice(before.length, -1);

/** Returns a function that makes the beginning of a kept row: what it is joined by, in its columns. */
function headMaker(keys: readonly string[]): (id: string) => string {
  const names = keys.map((name) => `${JSON.stringify(name)}:`);
  return (id) => {
    // The JSON of a text without escapes is as JSON.stringify writes it.
    const isPlain = keys.length === 1 && id.startsWith('"') && !id.includes('\\');
    const values = isPlain ? [id] : valuesOf(JSON.parse(id) as string, keys).map((value) => JSON.stringify(value));
    return `{${names.map((name, i) => `${name}${values[i]},`).join('')}"row":`;
  };
}

const valuesOf = (key: string, keys: readonly string[]): readonly string[] =>
  keys.length === 1 ? [key] : (JSON.parse(key) as readonly string[]);
