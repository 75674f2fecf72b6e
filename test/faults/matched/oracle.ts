import type { z } from 'zod';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import type { Buyer, Purchase } from '../../pipelines/foreign-fixture.ts';
import { violationsOfWithin, withinGiven } from '../../pipelines/within-schedule.ts';
import { differences } from '../differences.ts';
import type { MatchedRun, MatchedStream } from './pipeline.ts';

/** Compares the three joins with what follows from the log alone. Returns a line for each violation. */
export function violationsOfMatched(run: MatchedRun, texts: readonly string[]): readonly string[] {
  return [
    ...violationsOfNamed(run),
    ...differences('dead letters of named-orders', lettersOf(run, 'named-orders'), texts),
    ...violationsOfPriced(run),
    ...violationsOfWithin(run, withinGiven(run)),
    ...['named', 'named-matches', 'named-keys', 'named-customers', 'priced-orders', 'priced-customers'].flatMap(
      (step) => differences(`dead letters of ${step}`, lettersOf(run, step), []),
    ),
  ];
}

const eventsIn = (run: MatchedRun, stream: MatchedStream): readonly ReceivedEvent[] =>
  run.stream(stream as never).events();

/** Folds the events of each key in their order: the log keeps it. */
function latestRows<Row>(events: readonly ReceivedEvent[]): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const { type, key, data } of events) {
    if (type.endsWith('.deleted')) rows.delete(key);
    else rows.set(key, data as Row);
  }
  return rows;
}

/** At rest, the join by a foreign key is the left join of the latest rows, and so are its changes, folded. */
function violationsOfNamed(run: MatchedRun): readonly string[] {
  const orders = latestRows<z.infer<typeof Purchase>>(eventsIn(run, 'raw'));
  const buyers = latestRows<z.infer<typeof Buyer>>(eventsIn(run, 'buyers'));
  const expected = [...orders.values()].map(({ order_id, customer_id, sales }) => ({
    order_id,
    name: buyers.get(customer_id ?? '')?.name ?? null,
    sales,
  }));
  return [
    ...differences('named', run.table('named'), expected),
    ...differences('changes of named', [...latestRows(eventsIn(run, 'named')).values()], expected),
  ];
}

/** What a stream between the inputs of a join and the join holds: an event of one side, with what it is joined by. */
interface Side {
  readonly side: string;
  readonly key: string | null;
  readonly row: Readonly<Record<string, unknown>>;
}

/** A row from some time on; without a segment, there is none. */
interface Version {
  readonly millis: number;
  readonly segment: unknown;
}

/**
 * An order meets, of the versions of its customer that stand before it in the log, that of its time: the one that came
 * last, where two have the same time.
 */
function violationsOfPriced(run: MatchedRun): readonly string[] {
  const versions = new Map<string | null, readonly Version[]>();
  const expected: string[] = [];
  const failed: number[] = [];
  const log = eventsIn(run, 'priced-by-key');
  for (const { type, time, data } of log) {
    const { side, key, row } = data as Side;
    const millis = Date.parse(time);
    const known = versions.get(key) ?? [];
    if (side === 'customers') {
      const segment = type.endsWith('.deleted') ? undefined : row.segment;
      versions.set(key, [...known, { millis, segment }]);
    } else if (row['o.sales'] === 0) failed.push(row['o.order_id'] as number);
    else expected.push(`${row['o.order_id']} ${key === null ? null : (versionAt(known, millis) ?? null)}`);
  }
  const given = eventsIn(run, 'dated').length + eventsIn(run, 'people').length;
  const found = eventsIn(run, 'priced').map(({ data }) => {
    const { order_id, segment } = data as { readonly order_id: number; readonly segment: string | null };
    return `${order_id} ${segment}`;
  });
  return [
    ...(log.length === given ? [] : [`priced-by-key has ${log.length} events of ${given}`]),
    ...differences('priced', found, expected),
    ...differences('dead letters of priced', lettersOf(run, 'priced'), failed),
  ];
}

function versionAt(versions: readonly Version[], millis: number): unknown {
  const upTo = versions.filter((version) => version.millis <= millis);
  const latest = Math.max(...upTo.map((version) => version.millis));
  return upTo.findLast((version) => version.millis === latest)?.segment;
}

function lettersOf(run: MatchedRun, step: string): readonly (string | number)[] {
  return run.deadLetters(step).map(({ text = '' }) => {
    try {
      const { data } = JSON.parse(text) as { readonly data: Side };
      return data.row['o.order_id'] as number;
    } catch {
      return text.trimEnd();
    }
  });
}
