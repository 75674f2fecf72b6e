import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { Table } from '../../../functions/runtime/table.ts';
import type { Given } from '../../../functions/table-state/fold.ts';
import type { TablePlan } from '../../pipelines/plan.ts';
import { type Happened, type InputEvent, type RefoldedRow, refold } from './refold.ts';
import type { Verdict } from './run-again.ts';
import { type TracedEvent, traced } from './traced-event.ts';
import type { MadeOf, Tracing } from './tracing.ts';

/** The events that are shown of those that something is made of. */
const MOST_SHOWN = 3;

/**
 * Finds the events of which a table step has made a change. The change does not name them, so the table's whole input
 * is read, and its rows are made again, until one of them is as the change says.
 */
export async function whyChange(
  step: TablePlan,
  change: TracedEvent,
  tracing: Tracing,
): Promise<{ readonly madeOf: MadeOf; readonly verdict: Verdict }> {
  const table = tracing.find.tables(step.pipeline)[step.name]?.keep;
  if (table === undefined) return unknown('the step is another one today');
  const found = table.publishesEvents
    ? await publishedBy(step, { table, change: change.event }, tracing)
    : await changedBy(step, { table, change: change.event }, tracing);
  if (found === undefined)
    return unknown('the events that the log still holds do not make it, with the code of this repository');
  return { madeOf: await madeOf(found, step, tracing), verdict: { is: 'same' } };
}

function unknown(why: string): { readonly madeOf: MadeOf; readonly verdict: Verdict } {
  return { madeOf: { count: 0, events: [] }, verdict: { is: 'unknown', why } };
}

/** Events that are found, before it is known when they arrived. */
export interface FoundInputs {
  readonly count: number;
  readonly last: readonly InputEvent[];
}

/** Adds to the last events when they arrived. */
export async function madeOf({ count, last }: FoundInputs, step: TablePlan, tracing: Tracing): Promise<MadeOf> {
  const shown = last.slice(-MOST_SHOWN);
  return { count, events: await Promise.all(shown.map((input) => traced(input, step.input.stream, tracing))) };
}

interface Change {
  readonly table: Table;
  readonly change: ReceivedEvent;
}

/** Finds the last event after which a row is as the change says, among those of the change's time if there are any. */
async function changedBy(
  step: TablePlan,
  { table, change }: Change,
  tracing: Tracing,
): Promise<FoundInputs | undefined> {
  const text = Buffer.from(change.dataBytes).toString();
  const isDeletion = change.type.endsWith('.deleted');
  const key = keyIn(text, table.key);
  let any: FoundInputs | undefined;
  let ofTime: FoundInputs | undefined;
  const seen = ({ input, changed }: Happened): boolean => {
    for (const { before, after } of changed) {
      const row = isDeletion && after.stored?.row === undefined ? before?.stored?.row : after.stored?.row;
      if (isDeletion !== (after.stored?.row === undefined) || row === undefined || !isOf(text, row)) continue;
      any = after;
      if (input.event.time === change.time) ofTime = after;
    }
    return false;
  };
  await refold({ step, table, isWanted: (row) => keyIn(row, table.key) === key, seen }, tracing);
  return ofTime ?? any;
}

function keyIn(row: string, key: readonly string[]): string {
  const data = JSON.parse(row) as Readonly<Record<string, unknown>>;
  return JSON.stringify(key.map((field) => data[field] ?? null));
}

/** A change is the row, perhaps with the row before it as a last field. */
function isOf(change: string, row: string): boolean {
  return change === row || change.startsWith(`${row.slice(0, row.lastIndexOf('}'))},"before":`);
}

/**
 * Finds the event that has published the change: the row that it met, and the event, are what the change is made of.
 */
async function publishedBy(
  step: TablePlan,
  { table, change }: Change,
  tracing: Tracing,
): Promise<FoundInputs | undefined> {
  let found: FoundInputs | undefined;
  const isChange = (event: Pick<ReceivedEvent, 'type' | 'key' | 'time' | 'dataBytes'>): boolean =>
    event.type === change.type &&
    event.key === change.key &&
    event.time === change.time &&
    Buffer.compare(event.dataBytes, change.dataBytes) === 0;
  const seen = ({ input, given, met }: Happened): boolean => {
    const others = given.rows.map((row) => partnersOf(row, { table, met, isChange })).find((one) => one !== undefined);
    if (others === undefined) return false;
    const last = [...others.flatMap((other) => other.last.slice(-1)), input];
    found = { count: last.length, last };
    return true;
  };
  await refold({ step, table, isWanted: () => true, seen }, tracing);
  return found;
}

/** Returns the rows with which an event has published the change; none where it did so alone. Undefined: it has not. */
function partnersOf(
  row: Given['rows'][number],
  {
    table: { within },
    met,
    isChange,
  }: {
    readonly table: Table;
    readonly met: readonly RefoldedRow[];
    readonly isChange: (event: Pick<ReceivedEvent, 'type' | 'key' | 'time' | 'dataBytes'>) => boolean;
  },
): readonly RefoldedRow[] | undefined {
  const { pairing, published } = row;
  if (pairing === undefined || within === undefined) return published?.().some(isChange) ? met : undefined;
  const partner = met.find(({ stored }) => {
    if (stored === undefined || !pairing.meets(stored.state)) return false;
    pairing.join([stored.state]);
    return published?.().some(isChange);
  });
  if (partner !== undefined) return [partner];
  // An event that meets none comes out when its time is over.
  return within.alone(row.reduce(undefined) as string).some(isChange) ? [] : undefined;
}
