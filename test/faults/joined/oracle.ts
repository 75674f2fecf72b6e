import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { differencesOfChanges } from '../../pipelines/changes-compared.ts';
import type { Order } from '../../pipelines/join-fixture.ts';
import { differences } from '../differences.ts';
import { isRefused, type JoinedRun } from './pipeline.ts';
import { violationsOfWindows } from './windows-oracle.ts';

/**
 * Compares windows and joins with what follows from the log alone: from the orders in `clean`, and from the order of
 * both sides in the streams that the joins read. Returns a line for each violation.
 */
export function violationsOfJoined(
  run: JoinedRun,
  { texts, isRedriven }: { readonly texts: readonly string[]; readonly isRedriven: boolean },
): readonly string[] {
  const raw = ordersIn(run.stream('raw').events());
  const passed = ordersIn(run.stream('clean').events());
  const people = run.stream('people').events();
  const points = run.stream('points').events();
  const numbers = (orders: readonly Order[]): readonly number[] => orders.map(({ order_id }) => order_id);
  return [
    ...differences('clean', numbers(passed), numbers(raw.filter((order) => !isRefused(order)))),
    ...differences('dead letters of checking', lettersOf(run, 'checking'), [
      ...texts,
      ...numbers(raw.filter(isRefused)),
    ]),
    ...violationsOfWindows(run, isRedriven),
    ...differencesOfChanges(run, 'windows', 'closed'),
    ...rekeyed(run, 'named-by-key', [...numbers(passed), ...people.map(({ id }) => id)]),
    ...rekeyed(
      run,
      'cards-by-key',
      [...people, ...points].map(({ id }) => id),
    ),
    ...violationsOfNamed(run),
    ...violationsOfCards(run),
    ...['named-orders', 'named-customers', 'cards', 'cards-customers', 'cards-scores'].flatMap((step) =>
      differences(`dead letters of ${step}`, lettersOf(run, step), []),
    ),
  ];
}

/** A redriven order is for one step alone. */
function ordersIn(events: readonly ReceivedEvent[]): readonly Order[] {
  return events.flatMap(({ data, redrivenFor }) => (redrivenFor === undefined && isOrder(data) ? [data] : []));
}

function isOrder(data: unknown): data is Order {
  return typeof data === 'object' && data !== null && 'order_id' in data;
}

function lettersOf(run: JoinedRun, step: string): readonly (string | number)[] {
  return run.deadLetters(step).map(({ text = '' }) => {
    try {
      const { data } = JSON.parse(text) as { readonly data: Order | Side };
      return 'order_id' in data ? data.order_id : (data.row['o.order_id'] as number);
    } catch {
      return text.trimEnd();
    }
  });
}

/** What a stream between the inputs of a join and the join holds: an event of one side, with what it is joined by. */
interface Side {
  readonly side: string;
  readonly key: string | null;
  readonly row: Readonly<Record<string, unknown>>;
}

const byKey = (run: JoinedRun, stream: string): readonly ReceivedEvent[] => run.stream(stream as never).events();

function rekeyed(run: JoinedRun, stream: string, expected: readonly (string | number)[]): readonly string[] {
  const found = byKey(run, stream).map(({ id, data }) => (data as Side).row['o.order_id'] ?? id);
  return found.length === expected.length ? [] : [`${stream} has ${found.length} events of ${expected.length}`];
}

/** What an order meets is the row of its customer at that place of the log. */
function violationsOfNamed(run: JoinedRun): readonly string[] {
  const rows = new Map<string | null, unknown>();
  const expected: string[] = [];
  const failed: number[] = [];
  for (const { type, data } of byKey(run, 'named-by-key')) {
    const { side, key, row } = data as Side;
    const number = row['o.order_id'] as number;
    if (side === 'customers' && type.endsWith('.deleted')) rows.delete(key);
    else if (side === 'customers') rows.set(key, row.segment);
    else if (row['o.sales'] === 0) failed.push(number);
    else expected.push(`${number} ${key === null ? null : (rows.get(key) ?? null)}`);
  }
  const found = run
    .stream('named')
    .data()
    .map((data) => data as { readonly order_id: number; readonly segment: string | null });
  return [
    ...differences(
      'named',
      found.map(({ order_id, segment }) => `${order_id} ${segment}`),
      expected,
    ),
    ...differences('dead letters of named', lettersOf(run, 'named'), failed),
  ];
}

/** The cards are the full join of the latest rows of both sides, and so are their changes, folded. */
function violationsOfCards(run: JoinedRun): readonly string[] {
  const segments = new Map<string, unknown>();
  const points = new Map<string, unknown>();
  for (const { type, data } of byKey(run, 'cards-by-key')) {
    const { side, key, row } = data as Side;
    const rows = side === 'customers' ? segments : points;
    if (type.endsWith('.deleted')) rows.delete(key ?? '');
    else rows.set(key ?? '', side === 'customers' ? row['c.segment'] : row['s.points']);
  }
  const expected = [...new Set([...segments.keys(), ...points.keys()])].map((id) => ({
    id,
    segment: segments.get(id) ?? null,
    points: points.get(id) ?? null,
  }));
  const folded = new Map<string, unknown>();
  for (const { type, key, data } of run.stream('card_changes').events()) {
    if (type === 'cards.deleted') folded.delete(key);
    else folded.set(key, data);
  }
  return [
    ...differences('cards', run.table('cards'), expected),
    ...differences('card_changes', [...folded.values()], expected),
  ];
}
