import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { cutText } from '../cut-text.ts';
import { EventRejected } from '../errors.ts';
import { keyFault, type ReceivedEvent } from '../event.ts';
import { type Join, joinRow, rekeyOptions, SideEvent } from '../join.ts';
import { memberRanges, textOf } from '../json/json-ranges.ts';
import { type KeyedEvent, MOST_KEY_BYTES, MOST_ROW_BYTES, type Table } from '../table.ts';
import type { Output, Transform } from '../transform.ts';
import { joinedRow, membersOf, type SideRow, splitSide } from './joins/side-row.ts';
import { runnerOf, type Statement } from './sql-transform.ts';

interface Definition<Inputs, To, S> {
  readonly entry: string;
  readonly file: string;
  readonly streams: S;
  /** A left join keeps the events that meet no row. */
  readonly kind: 'inner' | 'left';
  /** The columns in which the rows of the table have what they are joined by. */
  readonly keys: readonly string[];
  readonly inputs: Inputs;
  readonly to: To;
  /** Projects the stream's events. */
  readonly left: Omit<Statement, 'file'>;
  /** Projects the table's events, and those that delete a row. */
  readonly right: Omit<Statement, 'file'>;
  readonly deleted: Omit<Statement, 'file'>;
  /** Makes outputs of a row that holds both sides. */
  readonly row: Omit<Statement, 'file'>;
}

interface JoinNames {
  readonly left: string;
  readonly right: string;
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
  const { entry, file, inputs, streams, keys, left, right, deleted, kind } = definition;
  const from = inputs[input];
  if (from === undefined) throw new Error(`the join has no input '${input}'`);
  const common = { entry, from, to: SideEvent, options: rekeyOptions(input) };
  if (input === streams.right) {
    const [project, projectDeleted] = [right, deleted].map((statement) => runnerOf({ ...statement, file }));
    const projectOf = (event: ReceivedEvent) => (isDeletion(event) ? projectDeleted : project) ?? (() => []);
    return { ...common, run: (event) => rowOf(event, input, sidesIn(projectOf(event)(event), keys.length)) };
  }
  const project = runnerOf({ ...left, file });
  const isKept = ({ key }: SideRow): boolean => key !== null || kind === 'left';
  return {
    ...common,
    run: (event) =>
      sidesIn(project(event), keys.length)
        .filter(isKept)
        .map((side) => sideEvent(event, { side: input, key: side.key, row: braced(side.body) })),
  };
}

const sidesIn = (projected: readonly Output[], keys: number): readonly SideRow[] =>
  projected.map(({ dataBytes }) => splitSide(dataBytes, keys));

/**
 * Makes the event of a row of the table. Only the columns that the statement reads were checked, but the row is kept as
 * a whole: a changed SELECT then finds its columns in rows that are there already.
 */
function rowOf(event: ReceivedEvent, side: string, projected: readonly SideRow[]): readonly Output[] {
  return projected.map(({ key, values }) => {
    if (key === null || !isKeyedBy(event.key, key, values))
      throw new EventRejected(
        'transform',
        `the key of the event is '${shown(event.key)}', and what it is joined by is ${key === null ? 'null' : `'${shown(key)}'`}: an input whose latest event is the row is joined by its key, so key the stream by these columns`,
      );
    return sideEvent(event, { side, key, row: event.dataBytes });
  });
}

/**
 * Tests whether an event's key is that of the join: the same text, or the values as a JSON array, as the changes of a
 * table have it.
 */
function isKeyedBy(eventKey: string, key: string, values: readonly string[]): boolean {
  if (eventKey === key || keyFault(key)?.kind === 'too long') return true;
  if (!eventKey.startsWith('[')) return false;
  try {
    const parts = JSON.parse(eventKey) as readonly unknown[];
    return parts.length === values.length && parts.every((part, i) => String(part) === values[i]);
  } catch {
    return false;
  }
}

interface Side {
  readonly side: string;
  readonly key: string | null;
  readonly row: Uint8Array;
}

function sideEvent({ type, time, key: own }: ReceivedEvent, { side, key, row }: Side): Output {
  const head = `{"side":${JSON.stringify(side)},"key":${JSON.stringify(key)},"row":`;
  return {
    type,
    time,
    key: key === null ? own : eventKeyOf(key),
    dataBytes: Buffer.concat([Buffer.from(head), row, CLOSE]),
  };
}

/** Returns the key of the events with a key of the join. Events with the same key go to the same shard. */
function eventKeyOf(key: string): string {
  return keyFault(key) === undefined ? key : createHash('sha256').update(key).digest('base64url');
}

const CLOSE = Buffer.from('}');
const braced = (members: Uint8Array): Buffer => joinedRow(members, NOTHING);
const NOTHING = Buffer.alloc(0);

const LONGEST_SHOWN = 200;
const shown = (text: string): string => cutText(text, LONGEST_SHOWN);

/**
 * Makes the table whose rows are those of the right input, and which publishes what the events of the left input become
 * with them.
 */
function joining({ entry, file, streams, row, kind, keys }: AnyDefinition): Table {
  const run = runnerOf({ ...row, file });
  const meet = ({ id, source, type, time, key }: ReceivedEvent, own: string, row: string | undefined) =>
    row === undefined && kind === 'inner'
      ? []
      : // Of members with the same name the last one counts: that of the projection.
        run({ id, source, type, time, key, dataBytes: joinedRow(membersOf(row ?? '{}'), membersOf(own)) });
  return {
    entry,
    from: SideEvent,
    row: joinRow(keys),
    key: keys,
    publishesEvents: true,
    read(event) {
      const { side, id, row: own } = readSide(event);
      if (side === streams.left)
        return [publishing(event, id, (state) => meet(event, own, state && rowIn(state, head(keys, id))))];
      if (side !== streams.right) throw new EventRejected('schema', `the join has no input '${shown(side)}'`);
      const isDeleted = isDeletion(event);
      return [{ id, reduce: () => (isDeleted ? undefined : keptRow(head(keys, id), own)) }];
    },
  };
}

/** Changes no row, and publishes what the event becomes with the row. */
function publishing(
  { traceparent }: ReceivedEvent,
  id: string,
  meet: (state: string | undefined) => readonly Output[],
): KeyedEvent {
  let published: readonly Output[] = [];
  return {
    id,
    reduce(state) {
      published = [];
      published = meet(state as string | undefined);
      return state;
    },
    published: () => published.map((output) => ({ ...output, traceparent })),
  };
}

/** Reads an event of the stream that holds both sides. `id` is the JSON of the key: null is no row's. */
function readSide({ dataBytes }: ReceivedEvent): { readonly side: string; readonly id: string; readonly row: string } {
  const members = dataBytes[0] === OPEN_BRACE ? memberRanges(dataBytes) : undefined;
  const [side, key, row] = ['side', 'key', 'row'].map((name) => {
    const range = members?.get(name);
    return range === undefined ? undefined : textOf(dataBytes, range);
  });
  if (side === undefined || key === undefined || row?.startsWith('{') !== true)
    throw new EventRejected('schema', 'the event is none that a join has re-keyed');
  if (Buffer.byteLength(key) > MOST_KEY_BYTES)
    throw new EventRejected('too-large', `what it is joined by has more than ${MOST_KEY_BYTES} bytes: join by less`);
  return { side: JSON.parse(side) as string, id: key, row };
}

function keptRow(before: string, row: string): string {
  const text = `${before}${row}}`;
  if (Buffer.byteLength(text) > MOST_ROW_BYTES)
    throw new EventRejected('too-large', `the row has more than ${MOST_ROW_BYTES} bytes as JSON: keep less in it`);
  return text;
}

const rowIn = (kept: string, before: string): string => kept.slice(before.length, -1);

/** Returns the beginning of a kept row: what it is joined by, in its columns. */
function head(keys: readonly string[], id: string): string {
  const key = JSON.parse(id) as string;
  const values = keys.length === 1 ? [key] : (JSON.parse(key) as readonly string[]);
  return `{${keys.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(values[i])},`).join('')}"row":`;
}

const isDeletion = ({ type }: ReceivedEvent): boolean => type.endsWith('.deleted');
const OPEN_BRACE = 0x7b;
