import type { HashRange } from '../../../functions/runtime/event.ts';
import { covers } from '../../../functions/runtime/log/shards.ts';
import { hashOf } from '../../../functions/runtime/record-codec/hash.ts';
import { AHEAD_MILLIS } from '../../../functions/runtime/windows.ts';
import type { LogItem } from '../../kit/views.ts';
import type { Order } from '../../pipelines/join-fixture.ts';
import { differences } from '../differences.ts';
import { GRACE_MILLIS, type JoinedRun, SIZE_MILLIS } from './pipeline.ts';

/** Orders by what became of them, in the order of the log. */
interface Judged {
  readonly onTime: readonly Placed[];
  readonly late: readonly Placed[];
  readonly future: readonly number[];
}

interface Placed {
  readonly number: number;
  readonly customer: string | null;
  readonly start: number;
  readonly what: 'on time' | 'late' | 'future';
}

/** Compares the windows of the orders, their change stream and their dead letters with the log of `clean`. */
export function violationsOfWindows(run: JoinedRun, isRedriven: boolean): readonly string[] {
  const { onTime, late, future } = judged(run.stream('clean').log());
  const letters = run.deadLetters('windows').map(({ reason, text = '' }) => {
    const { data } = JSON.parse(text) as { readonly data: Order };
    return `${data.order_id} ${reason}`;
  });
  const changes = run.stream('closed').events();
  const folded = new Map(changes.map(({ key, data }) => [key, data as Row]));
  const expected = linesOf(rowsOf([...onTime, ...(isRedriven ? late : [])]));
  return [
    ...differences('dead letters of windows', letters, [
      ...(isRedriven ? [] : late.map(({ number }) => `${number} late`)),
      ...future.map((number) => `${number} future`),
    ]),
    ...differences('windows', linesOf(run.table('windows') as unknown as readonly Row[]), expected),
    ...differences('closed', linesOf([...folded.values()]), expected),
    ...(isRedriven
      ? []
      : differences(
          'closed windows',
          changes.map(({ type, key }) => `${type} ${key}`),
          [...new Set(changes.map(({ key }) => `windows.inserted ${key}`))],
        )),
  ];
}

interface Row {
  readonly customer_id: string | null;
  readonly orders: readonly number[];
  readonly window_start: string;
}

/** Events that are redriven come in any order. */
function linesOf(rows: readonly Row[]): readonly string[] {
  return rows.map(
    ({ customer_id, orders, window_start }) =>
      `${customer_id} ${new Date(window_start).toISOString()} ${orders.toSorted((a, b) => a - b).join(' ')}`,
  );
}

function rowsOf(orders: readonly Placed[]): readonly Row[] {
  const windows = Map.groupBy(orders, ({ customer, start }) => `${customer} ${start}`);
  return [...windows.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) return [];
    const { customer, start } = first;
    return {
      customer_id: customer,
      orders: some.map(({ number }) => number),
      window_start: new Date(start).toISOString(),
    };
  });
}

function judged(log: readonly LogItem[]): Judged {
  const keys = new Set(log.flatMap(({ event }) => event?.key ?? []));
  const all = [...keys].flatMap((key) => placedOf(key, log));
  const which = (what: Placed['what']): readonly Placed[] => all.filter((one) => one.what === what);
  return { onTime: which('on time'), late: which('late'), future: which('future').map(({ number }) => number) };
}

/**
 * Judges the orders of a key by the ticks before them: those that are aimed at the key, from all parts of the stream
 * that the transform reads.
 */
function placedOf(key: string, log: readonly LogItem[]): readonly Placed[] {
  const hash = hashOf(key);
  const told: (HashRange & { readonly millis: number })[] = [];
  const placed = new Map<number, Placed>();
  let watermark = Number.NEGATIVE_INFINITY;
  for (const { shard, arrivedMillis, event, tick } of log) {
    if (!covers(shard, hash)) continue;
    if (tick?.from !== undefined && covers(tick.aim, hash)) {
      told.push({ from: tick.from.from, to: tick.from.to, millis: tick.millis });
      watermark = Math.max(watermark, lowest(told));
    }
    if (event?.key !== key || event.redrivenFor !== undefined) continue;
    const { order_id: number, customer_id: customer } = event.data as Order;
    const millis = Date.parse(event.time);
    const start = Math.floor(millis / SIZE_MILLIS) * SIZE_MILLIS;
    const isLate = start + SIZE_MILLIS + GRACE_MILLIS <= watermark;
    const what = millis > arrivedMillis + AHEAD_MILLIS ? 'future' : isLate ? 'late' : 'on time';
    // A repeat changes nothing.
    if (!placed.has(number)) placed.set(number, { number, customer, start, what });
  }
  return [...placed.values()];
}

/** Returns the time up to which all parts of the hash space have told theirs. */
function lowest(told: readonly (HashRange & { readonly millis: number })[]): number {
  const starts = new Set([0n, ...told.flatMap(({ from, to }) => [from, to + 1n])]);
  starts.delete(1n << 128n);
  const latest = [...starts].map((start) =>
    Math.max(Number.NEGATIVE_INFINITY, ...told.filter((one) => covers(one, start)).map(({ millis }) => millis)),
  );
  return Math.min(...latest);
}
