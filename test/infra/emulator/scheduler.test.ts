import { expect, test } from 'vitest';
import { virtualClock } from '../../../infra/emulator/clock.ts';
import type { InvokeRequest, InvokeResult } from '../../../infra/emulator/invoke.ts';
import { type ScheduleDefinition, startScheduler } from '../../../infra/emulator/scheduler.ts';
import { type TraceEntry, traceLines } from '../../../infra/emulator/trace.ts';
import { seededRandom } from './mapping/seeded-random.ts';

const startMillis = Date.UTC(2026, 0, 1);
const done: InvokeResult = { outcome: 'returned', payload: 'null' };
const failure: InvokeResult = { outcome: 'error', functionError: 'Unhandled', errorType: 'Error', message: 'no' };

function world(
  definition: Partial<ScheduleDefinition> = {},
  { seed = 1, twiceProbability = 0, handler = async (_: number): Promise<InvokeResult> => done } = {},
) {
  const clock = virtualClock({ startMillis });
  const calls: (InvokeRequest & { atMillis: number })[] = [];
  const trace: TraceEntry[] = [];
  const lines: string[] = [];
  const writeLine = traceLines({ clock, write: (line) => lines.push(line) });
  const scheduler = startScheduler({
    schedules: [{ name: 'lake', expression: 'rate(5 minutes)', functionArn: 'lake', input: '{}', ...definition }],
    invoke: async (request) => {
      calls.push({ ...request, atMillis: clock.now() - startMillis });
      return await handler(calls.length);
    },
    trace(entry) {
      trace.push(entry);
      writeLine(entry);
    },
    clock,
    random: seededRandom(seed),
    twiceProbability,
  });
  return { clock, calls, trace, lines, scheduler };
}

test.each([
  ['rate(1 minute)', 60_000],
  ['rate(5 minutes)', 300_000],
  ['rate(1 hour)', 3_600_000],
  ['rate(2 days)', 172_800_000],
])('%s calls the function each %d ms', async (expression, periodMillis) => {
  const { clock, calls, scheduler } = world({ expression });
  await clock.advance(periodMillis * 3);
  await scheduler.stop();
  expect(calls.map(({ atMillis }) => atMillis)).toEqual([1, 2, 3].map((run) => run * periodMillis));
});

test.each([
  'rate(0 minutes)',
  'rate(1 minutes)',
  'rate(5 minute)',
  'rate(5 seconds)',
  'cron(* * * * ? *)',
  '5 minutes',
])('%s is a ValidationException', (expression) => {
  expect(() => world({ expression })).toThrow(
    expect.objectContaining({ name: 'ValidationException', message: expect.stringContaining(expression) }),
  );
});

test('a run starts although the one before has not ended', async () => {
  const { clock, calls, scheduler } = world(
    { expression: 'rate(1 minute)' },
    {
      handler: async () => {
        await clock.sleep(150_000);
        return done;
      },
    },
  );
  await clock.advance(180_000);
  expect(calls.map(({ atMillis }) => atMillis)).toEqual([60_000, 120_000, 180_000]);
  await clock.runUntil(scheduler.stop());
});

test('a run is sometimes delivered twice, sometimes while the first delivery is under way', async () => {
  let underWay = 0;
  let overlaps = 0;
  const { clock, trace, scheduler } = world(
    { expression: 'rate(5 minutes)' },
    {
      twiceProbability: 0.5,
      handler: async () => {
        if (++underWay > 1) overlaps++;
        await clock.sleep(20_000);
        underWay--;
        return done;
      },
    },
  );
  await clock.advance(100 * 300_000);
  await clock.runUntil(scheduler.stop());
  const deliveries = trace.flatMap((entry) => (entry.did === 'schedule-run' ? [entry.delivery] : []));
  const seconds = deliveries.filter((delivery) => delivery === 2).length;
  expect(seconds).toBeGreaterThan(20);
  expect(seconds).toBeLessThan(80);
  expect(overlaps).toBeGreaterThan(0);
  expect(overlaps).toBeLessThan(seconds);
});

test('both deliveries of a run carry the same event', async () => {
  const input = '{"at":"<aws.scheduler.scheduled-time>","run":"<aws.scheduler.execution-id>"}';
  const { clock, calls, scheduler } = world({ input }, { twiceProbability: 1 });
  await clock.advance(300_000 + 60_000);
  await scheduler.stop();
  expect(calls).toHaveLength(2);
  expect(calls[0]?.payload).toBe(calls[1]?.payload);
  expect(JSON.parse(calls[0]?.payload ?? '')).toEqual({
    at: '2026-01-01T00:05:00Z',
    run: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test('a function that fails is called twice more, after one minute and after two, as by Lambda', async () => {
  const { clock, calls, trace, scheduler } = world({ expression: 'rate(1 hour)' }, { handler: async () => failure });
  await clock.advance(3_600_000 + 600_000);
  await scheduler.stop();
  expect(calls.map(({ atMillis, attempt }) => [atMillis - 3_600_000, attempt])).toEqual([
    [0, 1],
    [60_000, 2],
    [180_000, 3],
  ]);
  expect(new Set(calls.map(({ requestId }) => requestId)).size).toBe(1);
  expect(trace.filter(({ did }) => did === 'schedule-run-failed')).toHaveLength(3);
});

test('a function that fails is not called again with maximumRetryAttempts 0', async () => {
  const { clock, calls, scheduler } = world({ maximumRetryAttempts: 0 }, { handler: async () => failure });
  await clock.advance(400_000);
  await scheduler.stop();
  expect(calls).toHaveLength(1);
});

test('a throttled call is retried until it succeeds', async () => {
  const { clock, calls, scheduler } = world(
    { expression: 'rate(1 hour)', maximumRetryAttempts: 0 },
    { handler: async (call) => (call < 8 ? { outcome: 'throttled' } : done) },
  );
  await clock.advance(3_600_000 + 900_000);
  await scheduler.stop();
  expect(calls).toHaveLength(8);
});

test('runNow starts a run and resolves at its end', async () => {
  const { clock, calls, scheduler } = world({}, { handler: async (call) => (call === 1 ? failure : done) });
  await clock.runUntil(scheduler.runNow('lake'));
  expect(calls.map(({ atMillis }) => atMillis)).toEqual([0, 60_000]);
  await expect(scheduler.runNow('pond')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  await scheduler.stop();
});

test('stop waits for the call under way, and nothing is called after it', async () => {
  let ended = 0;
  const { clock, calls, scheduler } = world(
    {},
    {
      handler: async () => {
        await clock.sleep(10_000);
        ended++;
        return done;
      },
    },
  );
  await clock.advance(301_000);
  await clock.runUntil(scheduler.stop());
  expect(ended).toBe(1);
  await clock.advance(3_600_000);
  expect(calls).toHaveLength(1);
});

test('the same seed gives the same trace', async () => {
  const traceOf = async (seed: number) => {
    const { clock, lines, scheduler } = world({}, { seed, twiceProbability: 0.5 });
    await clock.advance(20 * 300_000);
    await clock.runUntil(scheduler.stop());
    return lines.join('\n');
  };
  expect(await traceOf(3)).toBe(await traceOf(3));
  expect(await traceOf(3)).not.toBe(await traceOf(4));
});
