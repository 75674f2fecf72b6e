import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { definePipeline, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { record } from '../kit/given-events.ts';
import type { PipelineRun } from '../kit/pipeline-run.ts';
import { currentProcess } from '../kit/simulated-process.ts';

const Order = z.object({ n: z.int32(), key: z.string(), kills: z.boolean() });

/** The behaviour of the deployed code. */
let isRepaired = false;

/** Passes events on; a poison event exhausts the memory in `apply`. */
const risky = defineTransform({
  entry: import.meta.url,
  from: Order,
  to: Order,
  apply: ({ data }) => {
    if (data.kills && !isRepaired) currentProcess()?.kill('out of memory');
    return [{ type: 'order.checked', data }];
  },
});

const orders = definePipeline({
  name: 'orders',
  streams: { raw: { schema: Order }, checked: { schema: Order } },
  transforms: { checking: { from: 'raw', apply: risky, to: 'checked' } },
  sinks: { table: { from: 'checked', write: postgresSink({ table: 'orders', create: true }) } },
});

type Run = PipelineRun<(typeof orders)['streams']>;
type Order = z.infer<typeof Order>;

const some = (from: number, to: number, killers: readonly number[] = []): Order[] =>
  Array.from({ length: to - from }, (_, index) => {
    const n = from + index;
    return { n, key: `k${n % 3}`, kills: killers.includes(n) };
  });
/** Puts an event into a record of its own. */
const alone = (order: Order) => record(JSON.stringify(order), order.key);
const letters = (run: Run) =>
  run.deadLetters('checking').map(({ reason, event: _, ...letter }) => ({
    reason,
    n: Number(/"n":(\d+)/.exec(letter.text ?? '')?.[1]),
  }));
const died = (run: Run): number =>
  run.story().reduce((sum, line) => {
    const times = /checking: .*Runtime.ExitError: out of memory(?: \((\d+) times\))?/.exec(line);
    return times === null ? sum : sum + Number(times[1] ?? 1);
  }, 0);

/** Expects all events but those in the table, once, and each key's events in their order. */
function expectAllBut(run: Run, sent: readonly Order[], killers: readonly number[]): void {
  const passed = sent.filter(({ n }) => !killers.includes(n));
  const rows = run.table('orders') as unknown as Order[];
  for (const key of ['k0', 'k1', 'k2']) {
    const numbers = (of: readonly Order[]) => of.filter((order) => order.key === key).map(({ n }) => n);
    expect(numbers(rows)).toEqual(numbers(passed));
  }
  expect(letters(run)).toEqual(killers.map((n) => ({ reason: 'killed', n })));
}

describe('an event that kills its function', () => {
  test('is rejected after three deaths, with a message that says how often and when', async () => {
    const run = await givenPipeline(orders);
    await run.given('raw', some(0, 1, [0]));
    await run.settled();
    expectAllBut(run, some(0, 1), [0]);
    expect(died(run)).toBe(3);
    const [letter] = run.deadLetters('checking');
    expect(letter?.message).toMatch(
      /^the function died 3 times in a row with nothing but this, from 2026-01-01T00:0.* to 2026/,
    );
  });

  test('is the only one of its batch that is rejected', async () => {
    const run = await givenPipeline(orders);
    const sent = some(0, 100, [61]);
    await run.given('raw', sent.map(alone));
    await run.settled();
    expectAllBut(run, sent, [61]);
  });

  test.each([0, 1, 1_500, 2_047, 2_999])(
    'is the only one of an aggregated record with 3,000 events: number %i',
    async (n) => {
      const run = await givenPipeline(orders);
      const sent = some(0, 3_000, [n]);
      await run.given('raw', sent, { key: 'key' });
      await run.given('raw', some(3_000, 3_010), { key: 'key' });
      await run.settled();
      expectAllBut(run, some(0, 3_010), [n]);
      // Halving takes at most eleven deaths more than the attempts with the whole record.
      expect(died(run)).toBeLessThanOrEqual(3 + 13);
    },
  );

  test('is rejected in any of several batches, whichever process takes them', async () => {
    const run = await givenPipeline(orders);
    await run.given('raw', some(0, 50), { key: 'key' });
    await run.settled();
    await run.given('raw', some(50, 60, [55]), { key: 'key' });
    await run.settled();
    await run.given('raw', some(60, 90, [60, 75]), { key: 'key' });
    await run.settled();
    expectAllBut(run, some(0, 90), [55, 60, 75]);
  });

  test('is distinguished from events that only share its batch, while calls fail at random', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const run = await givenPipeline(orders, { seed });
      const killers = [7, 100 + seed];
      const sent = some(0, 200, killers);
      run.when.anythingFails({ most: 15, kinds: ['request lost', 'reply lost', 'throttled'] });
      await run.given('raw', sent.slice(0, 90), { key: 'key' });
      await run.given('raw', sent.slice(90, 95).map(alone));
      await run.given('raw', sent.slice(95), { key: 'key' });
      await run.settled();
      expectAllBut(run, sent, killers);
    }
  });

  test('is not rejected when repaired code is deployed in time', async () => {
    const run = await givenPipeline(orders);
    isRepaired = false;
    await run.given('raw', some(0, 10, [4]), { key: 'key' });
    while (died(run) < 3) await run.when.pass(1_000);
    isRepaired = true;
    run.when.deployed('checking');
    await run.settled();
    isRepaired = false;
    expectAllBut(run, some(0, 10), []);
  });
});

describe('a step all of whose events kill it', () => {
  const broken = some(
    0,
    20,
    Array.from({ length: 20 }, (_, n) => n),
  );

  /** The step has rejected five events, and waits a quarter of an hour before it tries the sixth. */
  async function held(): Promise<Run> {
    const run = await givenPipeline(orders);
    await run.given('raw', broken.map(alone));
    await run.when.pass(minutes(15));
    expect(letters(run).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4]);
    return run;
  }

  test('does not touch the next event while it waits, and says until when it waits and what to do', async () => {
    const run = await held();
    const before = { deaths: died(run), positions: run.positions('checking') };
    await run.when.pass(minutes(5));
    expect({ deaths: died(run), positions: run.positions('checking') }).toEqual(before);
    const complaints = run
      .story()
      .filter((line) => line.includes('5 events in a row were rejected because they killed'));
    expect(complaints.length).toBeGreaterThan(0);
    expect(complaints[0]).toMatch(/the step waits until 2026-01-01T00:2\S+ before it goes on with shardId-0+ at /);
    expect(complaints[0]).toMatch(/check the function's code, memory and timeout, and deploy a changed version/);
  });

  test('is shown as held, with a link to the runbook, until it continues', async () => {
    const run = await held();
    expect(await run.status('checking')).toMatchObject([
      {
        state: 'held',
        recordsBehind: 15,
        deadLetters: 5,
        note: expect.stringMatching(/"A step holds" in docs\/runbook.md/),
      },
    ]);
    isRepaired = true;
    run.when.deployed('checking');
    await run.settled();
    isRepaired = false;
    expect(await run.status('checking')).toMatchObject([{ state: 'idle', recordsBehind: 0 }]);
  });

  test('continues by itself after a deployment of repaired code, before its wait is over', async () => {
    const run = await held();
    isRepaired = true;
    run.when.deployed('checking');
    await run.settled({ within: minutes(5) });
    isRepaired = false;
    expectAllBut(run, broken, [0, 1, 2, 3, 4]);
  });

  test('rejects three more at once when the new code is no better, and then waits a minute again', async () => {
    const run = await held();
    run.when.deployed('checking');
    await run.when.pass(minutes(2));
    const rejected = letters(run).map(({ n }) => n);
    expect(rejected.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(rejected.length).toBeLessThanOrEqual(9);
  });
});

describe('a step with more than three poison events in a row', () => {
  /** When the function began to die of each rejected event, and when it began to die of it for the last time. */
  const timesOf = (run: Run) =>
    run.deadLetters('checking').map(({ message }) => {
      const [first = '', last = ''] = message.match(/2026-\S+Z/g) ?? [];
      return { first: Date.parse(first), last: Date.parse(last) };
    });

  test('waits 1, 5, then 15 minutes, tries the next event alone, and never waits for an operator', async () => {
    const run = await givenPipeline(orders);
    const killers = [3, 4, 5, 6, 7, 8, 9];
    await run.given('raw', some(0, 40, killers), { key: 'key' });
    await run.settled();
    expectAllBut(run, some(0, 40), killers);
    const times = timesOf(run);
    const waited = times.slice(1).map(({ first }, index) => first - (times[index]?.last ?? 0));
    for (const [index, wait] of [1, 5, 15, 15].entries()) {
      const millis = waited[index + 2];
      expect(millis).toBeGreaterThanOrEqual(minutes(wait));
      // The mapping retries each minute at least, and the last of three deaths is followed by the rejection.
      expect(millis).toBeLessThan(minutes(wait + 3));
    }
    expect(await run.status('checking')).toMatchObject([{ state: 'idle', recordsBehind: 0, deadLetters: 7 }]);
  });

  test('lets the good events behind them through as fast as ever', async () => {
    const run = await givenPipeline(orders);
    await run.given('raw', some(0, 4, [0, 1, 2, 3]).map(alone));
    await run.given('raw', some(4, 300), { key: 'key' });
    // Two waits, of one and of five minutes, and the back-off of the mapping.
    await run.settled({ within: minutes(10) });
    expectAllBut(run, some(0, 300), [0, 1, 2, 3]);
    expect(died(run)).toBeLessThanOrEqual(3 * 4 + 15);
  });
});

test('three poison events in a row are rejected like any others when the next events do not kill', async () => {
  const run = await givenPipeline(orders);
  const sent = some(0, 20, [3, 4, 5, 9, 10]);
  await run.given('raw', sent, { key: 'key' });
  await run.settled();
  expectAllBut(run, sent, [3, 4, 5, 9, 10]);
});
