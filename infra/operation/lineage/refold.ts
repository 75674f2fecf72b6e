import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { SliceTime } from '../../../functions/runtime/sink.ts';
import type { Table } from '../../../functions/runtime/table.ts';
import { fold, type Given, readEvents, type StoredRow } from '../../../functions/table-state/fold.ts';
import { foldWaiting } from '../../../functions/table-state/fold-waiting.ts';
import type { TablePlan } from '../../pipelines/plan.ts';
import { readTail } from '../tail.ts';
import type { Target } from '../target.ts';

/** An event of a table's input, and the shard that it was read from. */
export interface InputEvent {
  readonly event: ReceivedEvent;
  readonly shard: string;
}

/** A row that is made again. */
export interface RefoldedRow {
  /** Undefined: its last event has deleted it. */
  readonly stored: StoredRow | undefined;
  /** How many events have changed it, and the last of them, the newest at the end. */
  readonly count: number;
  readonly last: readonly InputEvent[];
}

/** What one event has done. */
export interface Happened {
  readonly input: InputEvent;
  /** The rows that it has changed, before and after. */
  readonly changed: readonly { readonly before: RefoldedRow | undefined; readonly after: RefoldedRow }[];
  /** The rows that it may have met, as they were before. */
  readonly met: readonly RefoldedRow[];
  /** The event as the table has read it. In a join, it publishes something itself. */
  readonly given: Given;
}

export interface Refolding {
  readonly step: TablePlan;
  readonly table: Table;
  /** Tells of a row, as JSON, whether it is one of those that somebody asks for. The others are forgotten. */
  isWanted(row: string): boolean;
  /** Called after each event. Return true to read no further. */
  seen(happened: Happened): boolean;
}

/** The last events of a row that are kept. */
export const MOST_LAST = 50;

const MOST_ROWS = 200_000;
const MOST_BYTES = 256 * 1024 ** 2;

/**
 * Makes rows of a table again: reads its whole input, as far as the log holds it, with the code of this repository, in
 * memory. Nothing is appended or stored. Resolves to the wanted rows, and to those that the table hides, whose key
 * nobody can see.
 */
export async function refold(
  { step, table, isWanted, seen }: Refolding,
  { target, signal }: { readonly target: Target; readonly signal: AbortSignal },
): Promise<readonly RefoldedRow[]> {
  const enough = new AbortController();
  const rows = openRows(isWanted);
  const repeats = openRepeats(step);
  const take = (event: ReceivedEvent, shard: string): void => {
    if (enough.signal.aborted || ![undefined, `${step.pipeline}/${step.name}`].includes(event.redrivenFor)) return;
    const [given] = readEvents(table, [event], ANY_TIME).given;
    if (given === undefined || repeats.has(event)) return;
    const happened = apply(rows, { table, input: { event, shard }, given });
    if (happened === undefined) return;
    if (happened.changed.length > 0) repeats.note(event);
    if (seen(happened)) enough.abort();
  };
  await readTail(
    {
      kinesis: target.clients.kinesis,
      stream: target.streamName(step.input.stream),
      from: 'earliest',
      follow: false,
      signal: AbortSignal.any([signal, enough.signal]),
    },
    { event: take, rejection: () => undefined },
  ).catch((error) => {
    if (!enough.signal.aborted) throw error;
  });
  return rows.all();
}

/** No window has closed: an event that was late counts here, and in the table it does not. */
const ANY_TIME: SliceTime = {
  momentOf: () => ({
    watermark: Number.NEGATIVE_INFINITY,
    arrivedMillis: Number.POSITIVE_INFINITY,
    hash: () => 0n,
  }),
  clock: [],
  beforeTick: undefined,
  passes: undefined,
};

function apply(
  rows: Rows,
  { table, input, given }: { readonly table: Table; readonly input: InputEvent; readonly given: Given },
): Happened | undefined {
  const near = rows.near(given);
  const { after, rejections } =
    table.within === undefined ? fold(table, [given], near) : foldWaiting([given], { near, counts: new Map() });
  if (rejections.length > 0) return undefined;
  const met = [...near.keys()].flatMap((id) => rows.get(id) ?? []);
  return { input, given, met, changed: rows.put(after, input, table.sessions !== undefined) };
}

interface Rows {
  get(id: string): RefoldedRow | undefined;
  /** Returns the rows that an event meets, as they are stored. */
  near(given: Given): ReadonlyMap<string, StoredRow>;
  /** Takes the rows after an event. `joins`: the event has made one row of all of them. */
  put(after: ReadonlyMap<string, StoredRow | undefined>, input: InputEvent, joins: boolean): Happened['changed'];
  all(): readonly RefoldedRow[];
}

function openRows(isWanted: (row: string) => boolean): Rows {
  const rows = new Map<string, RefoldedRow>();
  const groups = new Map<string, Set<string>>();
  let bytes = 0;
  const sizeOf = (row: RefoldedRow | undefined): number => row?.stored?.state.length ?? 0;
  const set = (id: string, row: RefoldedRow | undefined): void => {
    const before = rows.get(id);
    bytes += sizeOf(row) - sizeOf(before);
    const group = (row ?? before)?.stored?.window?.group;
    if (row === undefined) {
      rows.delete(id);
      if (group !== undefined) groups.get(group)?.delete(id);
    } else {
      rows.set(id, row);
      if (group !== undefined) groups.set(group, (groups.get(group) ?? new Set()).add(id));
    }
    if (rows.size > MOST_ROWS || bytes > MOST_BYTES)
      throw new UserMistake(
        `the table has more rows than can be made again here: ${MOST_ROWS.toLocaleString('en-US')}, or ${MOST_BYTES / 1024 ** 2} MB; follow an event of its input instead, with millrace trace`,
      );
  };
  return {
    get: (id) => rows.get(id),
    near({ rows: met }) {
      const ids = met.flatMap((row) => [
        row.id,
        ...(groups.get(row.id) ?? []),
        ...(row.pairing === undefined ? [] : (groups.get(row.pairing.others) ?? [])),
      ]);
      return new Map(
        ids.flatMap((id) => {
          const stored = rows.get(id)?.stored;
          return stored === undefined ? [] : [[id, stored] as const];
        }),
      );
    },
    put(after, input, joins) {
      const joined = joins ? [...after.keys()].flatMap((id) => rows.get(id) ?? []) : [];
      return [...after].flatMap(([id, stored]) => {
        const before = rows.get(id);
        // Of a hidden row nobody knows the key. A row that is deleted was wanted, if it was shown.
        const isKept =
          stored === undefined ? before?.stored?.row !== undefined : stored.row === undefined || isWanted(stored.row);
        if (!isKept) {
          set(id, undefined);
          return [];
        }
        if (before !== undefined && before.stored?.state === stored?.state) return [];
        const from = joins && stored !== undefined ? joined : before === undefined ? [] : [before];
        const row = {
          stored,
          count: 1 + from.reduce((sum, { count }) => sum + count, 0),
          last: [...from.flatMap(({ last }) => last), input].slice(-MOST_LAST),
        };
        set(id, row);
        return [{ before, after: row }];
      });
    },
    all: () => [...rows.values()],
  };
}

/** Knows which events of our own steps, or of idempotent producers, have changed a row already. */
function openRepeats({ input }: TablePlan): { has(event: ReceivedEvent): boolean; note(event: ReceivedEvent): void } {
  const highest = new Map<string, string>();
  const nameOf = ({ source, key }: ReceivedEvent): string => `${key}\n${source}`;
  const isCounted = ({ source, sequence }: ReceivedEvent): boolean =>
    sequence !== undefined && (input.stream.idempotent || input.own.some((own) => source.startsWith(own)));
  return {
    has(event) {
      const known = isCounted(event) ? highest.get(nameOf(event)) : undefined;
      return known !== undefined && !isAfter(event.sequence ?? '', known);
    },
    note(event) {
      if (isCounted(event)) highest.set(nameOf(event), event.sequence ?? '');
    },
  };
}

/** Sequences of our steps have one width; those of others are whole numbers. */
function isAfter(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length;
}
