import { covers } from '../../functions/runtime/log/shards.ts';
import { hashOf } from '../../functions/runtime/record-codec/hash.ts';
import { definePipeline, minutes, type Streams } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { event } from '../kit/given-events.ts';
import { type PipelineRun, startPipelineRun } from '../kit/pipeline-run.ts';
import type { LogItem } from '../kit/views.ts';
import { Paid, Placed, Settled, withinJoinOf } from './join-fixture.ts';

const MINUTE = 60_000;
const BEFORE = 4 * MINUTE;
const AFTER = 9 * MINUTE;
const GRACE = 3 * MINUTE;

/** A full join of orders and payments within a time. */
export const settledWithin = await withinJoinOf(
  'SELECT o.number, p.payment FROM orders o FULL JOIN payments p WITHIN (4 MINUTES, 9 MINUTES) GRACE PERIOD 3 MINUTES ON p.order_id = o.order_id',
);

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Placed, shards: 2 },
    payments: { schema: Paid, shards: 2 },
    settled: { schema: Settled, shards: 2 },
  },
  joins: {
    settled: { from: { orders: 'orders', payments: 'payments' }, apply: settledWithin, to: 'settled', shards: 2 },
  },
});

type Run = PipelineRun<typeof shop.streams>;
type Below = (count: number) => number;

/** An event of either stream. */
export interface Given {
  readonly stream: 'orders' | 'payments';
  readonly number: number;
  readonly order: string | null;
  readonly millis: number;
}

/**
 * Plays one random schedule of faults, deaths, splits, merges and lags against a full join within a time. Compares what
 * it publishes with all pairs that the times allow, and with what is left of both sides. Which events are late follows
 * from the logs of the sources alone.
 */
export async function playWithin(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below: Below = (count) => Math.floor(random() * count);
  using run = await startPipelineRun(shop, { seed, recordBytes: 2_000, pollMillis: 10_000 });
  run.when.anythingFails({ most: 20, probability: 0.05 });
  const given: Given[] = [];
  for (let handful = 0; handful < 6; handful++) {
    const some = Array.from({ length: 1 + below(7) }, (_, i) => someEvent(run, given.length + i, below));
    given.push(...some);
    for (const stream of ['orders', 'payments'] as const)
      await run.given(stream, some.filter((one) => one.stream === stream).map(withinEvent) as never);
    await disturb(run, below);
    await run.when.pass((1 + below(4)) * MINUTE - below(2) * 20_000);
  }
  await run.settled();
  await run.when.pass(minutes(20));
  await run.settled();
  return violationsOfWithin(run, given);
}

function someEvent(run: Run, number: number, below: Below): Given {
  const minute = Math.floor(run.now() / MINUTE) - below(9) + (below(6) === 0 ? 1 + below(4) : 0);
  const order = below(12) === 0 ? null : `o${below(6)}`;
  return { stream: below(2) === 0 ? 'orders' : 'payments', number, order, millis: minute * MINUTE };
}

const keyOf = ({ number }: Pick<Given, 'number'>): string => `k${number % 5}`;

export function withinEvent(one: Given) {
  const { stream, number, order: order_id, millis } = one;
  const data = stream === 'orders' ? { order_id, number } : { order_id, payment: number };
  return event({ type: `${stream}.given`, key: keyOf(one), time: new Date(millis).toISOString(), data });
}

async function disturb(run: Run, below: Below): Promise<void> {
  const step = ['settled', 'settled-orders', 'settled-payments'][below(3)] as string;
  const stream = ['orders', 'payments', 'settled-by-key', 'settled'][below(4)] as 'orders';
  const how = below(9);
  if (how === 0) await run.when.resharded(stream, 'split');
  if (how === 1) await run.when.resharded(stream, 'merge').catch(() => undefined);
  if (how === 2) run.when.killed(step);
  if (how === 3) run.when.recut(step);
  if (how === 4) await run.when.down(`${step} kinesis`, minutes(4 + below(2) * 14)).catch(() => undefined);
  if (how === 5) run.when.deployed(step);
  if (how === 6) await run.when.down('settled postgres', minutes(4)).catch(() => undefined);
}

/** What the comparison reads of a run with these streams and this join. */
type WithinRun = Pick<PipelineRun<Streams>, 'deadLetters' | 'stream' | 'table'>;

/** Returns the events that were given, as they are in the log. */
export function withinGiven(run: WithinRun): readonly Given[] {
  return (['orders', 'payments'] as const).flatMap((stream) =>
    run
      .stream(stream)
      .events()
      .map(({ time, data }) => {
        const { order_id } = data as { readonly order_id: string | null };
        return { stream, number: numberIn(data as object), order: order_id, millis: Date.parse(time) };
      }),
  );
}

/** Compares what the join publishes, keeps and refuses with what was given. Returns a line for each violation. */
export function violationsOfWithin(run: WithinRun, given: readonly Given[]): readonly string[] {
  const letters = (['settled-orders', 'settled-payments', 'settled'] as const).flatMap((step) => run.deadLetters(step));
  const late = new Set(letters.map(({ text = '' }) => numberIn(JSON.parse(text).data)));
  const lateInLog = new Set([...lateNumbers(run, 'orders', given), ...lateNumbers(run, 'payments', given)]);
  const onTime = given.filter(({ number }) => !lateInLog.has(number));
  const [expected, found] = [expectedOf(onTime), foundIn(run)];
  return [
    ...letters.filter(({ reason }) => reason !== 'late').map(({ reason, message }) => `${reason}: ${message}`),
    ...[...late].filter((number) => !lateInLog.has(number)).map((number) => `${number} was on time`),
    ...[...lateInLog].filter((number) => !late.has(number)).map((number) => `${number} was late`),
    ...differences(expected, found),
    ...run.table('settled').map((row) => `${JSON.stringify(row)} is kept for ever`),
  ];
}

const numberIn = ({ number, payment }: { number?: number; payment?: number }): number => number ?? payment ?? -1;

/** All pairs that meet, and what is left of both sides. */
function expectedOf(events: readonly Given[]): readonly string[] {
  const [orders, payments] = (['orders', 'payments'] as const).map((name) =>
    events.filter(({ stream }) => stream === name),
  );
  const meet = (order: Given, payment: Given): boolean =>
    order.order !== null &&
    order.order === payment.order &&
    payment.millis >= order.millis - BEFORE &&
    payment.millis <= order.millis + AFTER;
  return [
    ...(orders ?? []).flatMap((order) => {
      const met = (payments ?? []).filter((payment) => meet(order, payment));
      return met.length === 0 ? [`${order.number} alone`] : met.map(({ number }) => `${order.number} with ${number}`);
    }),
    ...(payments ?? [])
      .filter((payment) => !(orders ?? []).some((order) => meet(order, payment)))
      .map(({ number }) => `${number} alone`),
  ];
}

function foundIn(run: WithinRun): readonly string[] {
  return run
    .stream('settled')
    .events()
    .map(({ data }) => {
      const { number, payment } = data as { readonly number: number | null; readonly payment: number | null };
      return number === null || payment === null ? `${number ?? payment} alone` : `${number} with ${payment}`;
    });
}

function differences(expected: readonly string[], found: readonly string[]): readonly string[] {
  const count = (all: readonly string[], one: string): number => all.filter((other) => other === one).length;
  return [...new Set([...expected, ...found])].flatMap((one) => {
    const [should, is] = [count(expected, one), count(found, one)];
    return should === is ? [] : [`${one} is there ${is} times, and should be ${should} times`];
  });
}

/**
 * Finds the events that came late, key by key: by the watermark of the shards that cover the key. All events of these
 * shards move it, and the ticks that are aimed at the key.
 */
function lateNumbers(run: WithinRun, stream: 'orders' | 'payments', given: readonly Given[]): ReadonlySet<number> {
  const late = new Set<number>();
  const log: readonly LogItem[] = run.stream(stream).log();
  for (const key of new Set(given.map(keyOf))) {
    const hash = hashOf(key);
    let watermark = Number.NEGATIVE_INFINITY;
    for (const { shard, arrivedMillis, event: one, tick } of log) {
      if (!covers(shard, hash)) continue;
      if (tick !== undefined && covers(tick.aim, hash)) watermark = Math.max(watermark, tick.millis);
      if (one === undefined) continue;
      const millis = Date.parse(one.time);
      if (one.key === key && millis + GRACE <= watermark) late.add(numberIn(one.data as object));
      watermark = Math.max(watermark, Math.min(millis, arrivedMillis));
    }
  }
  return late;
}
