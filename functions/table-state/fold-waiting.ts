import { cutText } from '../runtime/cut-text.ts';
import { EventRejected } from '../runtime/errors.ts';
import type { ReceivedEvent } from '../runtime/event.ts';
import type { Rejection } from '../runtime/rejection.ts';
import { type Folded, type Given, MOST_ROWS, rejectionBy, type StoredRow } from './fold.ts';
import { isWaiting, type WaitingRow } from './waiting-rows.ts';

/** So many events of a side and a key may wait. Each of them is read by every event that may meet it. */
export const MOST_WAITING = 10_000;

/** What is known of a join's rows before some events. */
export interface Before {
  /** The rows that the events may meet, by their ids. */
  readonly near: ReadonlyMap<string, StoredRow>;
  /** How many rows each group of the events has. */
  readonly counts: ReadonlyMap<string, number>;
}

/** The rows while events are joined, by their groups and ids. */
interface Folding {
  readonly groups: Map<string, Map<string, StoredRow>>;
  readonly counts: Map<string, number>;
  /** The rows that the events so far have changed. */
  readonly after: Map<string, StoredRow>;
}

/**
 * Joins events in their order with those that wait on the other side, and lets them wait too. An event that has met one
 * does not come out alone any more.
 */
export function foldWaiting(given: readonly Given[], { near, counts }: Before): Folded {
  const folding: Folding = { groups: new Map(), counts: new Map(counts), after: new Map() };
  for (const [id, row] of near) put(folding, id, row);
  const rejections: Rejection[] = [];
  for (const { event, rows } of given) {
    try {
      for (const row of rows) {
        if (isWaiting(row)) meet(folding, row, event);
        else row.reduce(undefined);
      }
    } catch (error) {
      rejections.push(rejectionBy(event, error));
    }
  }
  return { before: near, after: folding.after, rejections };
}

function meet(folding: Folding, row: WaitingRow, event: ReceivedEvent): void {
  const { pairing, in: window } = row;
  const count = folding.counts.get(pairing.group) ?? 0;
  if (count >= MOST_WAITING) throw tooMany(event, `${MOST_WAITING} events of its side and key wait already`);
  const state = row.reduce(undefined) as string;
  const met = [...(folding.groups.get(pairing.others) ?? [])]
    .filter(([, other]) => isNear(other, row) && pairing.meets(other.state))
    .sort(byTime);
  if (met.length > MOST_ROWS) throw tooMany(event, `it meets ${met.length} events of the other side`);
  pairing.join(met.map(([, other]) => other.state));
  // Nothing throws from here on.
  for (const [id, other] of met)
    if (other.window?.isOpen) change(folding, id, { ...other, window: { ...other.window, isOpen: false } });
  const isOpen = met.length === 0 && pairing.comesAlone();
  change(folding, row.id, { state, row: state, eventKey: event.key, window: { ...window, isOpen } });
  folding.counts.set(pairing.group, count + 1);
}

function isNear({ window }: StoredRow, { in: { start, end } }: WaitingRow): boolean {
  return window !== undefined && window.start <= end && window.end >= start;
}

function byTime([id, one]: readonly [string, StoredRow], [otherId, other]: readonly [string, StoredRow]): number {
  return (one.window?.start ?? 0) - (other.window?.start ?? 0) || (id < otherId ? -1 : 1);
}

function change(folding: Folding, id: string, row: StoredRow): void {
  put(folding, id, row);
  folding.after.set(id, row);
}

function put({ groups }: Folding, id: string, row: StoredRow): void {
  const name = row.window?.group ?? '';
  const group = groups.get(name);
  if (group === undefined) groups.set(name, new Map([[id, row]]));
  else group.set(id, row);
}

function tooMany({ key }: ReceivedEvent, what: string): EventRejected {
  return new EventRejected(
    'too-large',
    `${what}, with the key ${cutText(JSON.stringify(key), LONGEST_SHOWN)}: join by more columns, or shorten WITHIN or the GRACE PERIOD`,
  );
}

const LONGEST_SHOWN = 200;
