import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { loadPlan } from '../../../../functions/runtime/rewind/plan.ts';
import { postgresSink } from '../../../../functions/sinks/postgres/postgres.ts';
import { moveStep } from '../../../../infra/cli/actions/move-step.ts';
import type { FoundTarget } from '../../../../infra/cli/target/open-target.ts';
import { pauseStep, resumeStep } from '../../../../infra/operation/control/pause.ts';
import { continueRewind, lastRewind } from '../../../../infra/operation/control/rewind.ts';
import { pipelineFinder } from '../../../../infra/operation/find-step.ts';
import { checkpointsOf, type TargetWithFunctions } from '../../../../infra/operation/target.ts';
import { definePipeline, hours, minutes } from '../../../../infra/pipelines/pipeline.ts';
import type { SinkPlan } from '../../../../infra/pipelines/plan.ts';
import { operate } from '../../../kit/operator.ts';
import { startWorld, type World } from '../../../kit/world.ts';

const Count = z.object({ word: z.string(), count: z.int32() });

const words = definePipeline({
  name: 'words',
  streams: { raw: { schema: Count } },
  sinks: {
    minutely: {
      from: 'raw',
      write: postgresSink({ table: 'minutely', key: ['word'], create: true }),
      every: minutes(1),
    },
  },
});

const { signal } = new AbortController();
const onProgress = (): void => undefined;

let world: World;
let step: SinkPlan;
let printed: string[];
beforeEach(async () => {
  printed = [];
  const startMillis = Date.parse('2026-01-01T00:00:00Z');
  world = await startWorld({ pipelines: [words], recordBytes: undefined, pollMillis: undefined, seed: 1, startMillis });
  step = world.steps.find(({ name }) => name === 'minutely') as SinkPlan;
  for (const stream of ['log', 'error'] as const)
    vi.spyOn(console, stream).mockImplementation((line) => void printed.push(String(line)));
});
afterEach(() => vi.restoreAllMocks());

const asOperator = <Result>(work: (target: TargetWithFunctions) => Promise<Result>): Promise<Result> =>
  operate(world, work);

const append = async (word: string): Promise<void> => {
  await asOperator(async ({ clients: { kinesis }, streamName }) => {
    const writer = openLogWriter({ kinesis, stream: streamName(step.input.stream) });
    const time = new Date(world.clock.now()).toISOString();
    const dataBytes = Buffer.from(JSON.stringify({ word, count: 1 }));
    const about = { id: word, source: '/given', type: 'given', key: word, sequence: undefined, traceparent: undefined };
    await writer.append([{ ...about, time, dataBytes }], signal);
  });
  await world.clock.advance(minutes(3));
};
const pause = () => asOperator((target) => pauseStep(step, target, { onProgress, signal }));
const resume = () => asOperator((target) => resumeStep(step, target, signal));
const stored = () => asOperator((target) => loadPlan(checkpointsOf(step, target), signal));

/** Runs `millrace positions --to`. Resolves to its exit code and all that it printed. */
const move = async (to: string, yes = true): Promise<{ readonly code: number; readonly output: string }> => {
  printed = [];
  const code = await asOperator((target) => {
    const found: FoundTarget = { target, title: 'a test', pipelines: undefined, [Symbol.dispose]: onProgress };
    const invocation = { name: 'positions', positionals: ['words', 'minutely'], values: { to, yes }, signal };
    return moveStep({ step, find: pipelineFinder([words], found), found }, invocation);
  });
  return { code, output: printed.join('\n') };
};

test('a scheduled sink that was paused, moved and resumed ends its plan, and the same command then asks again', async () => {
  await append('a');
  await pause();
  expect(await move('-15m')).toMatchObject({
    code: 1,
    output: expect.stringContaining('is paused. Resume it and run the same command again'),
  });
  expect(await move('-15m')).toMatchObject({
    code: 1,
    output: expect.stringContaining('continuing the move that was requested at'),
  });
  const { number, plan: begun } = await stored();
  expect(begun?.phase).toBe('begun');
  await resume();
  await world.clock.advance(minutes(3));
  expect((await stored()).plan?.phase).toBe('done');

  await world.clock.advance(hours(24));
  await append('b');
  await expect(move('-15m', false)).rejects.toThrow(/replays 1 event. Move it\?\nstandard input is not a terminal/);
  expect(await stored()).toMatchObject({ number, plan: { phase: 'done' } });
  const again = await move('-15m');
  expect(again).toMatchObject({ code: 0, output: expect.stringContaining('this moves it again') });
  const { number: second, plan } = await stored();
  expect(second).toBe(number + 1);
  expect(plan?.to).toEqual({ millis: expect.closeTo(world.clock.now() - minutes(15), -5) });
});

test('a rewind whose end could not be stored counts as done, and the same command then asks again', async () => {
  await append('a');
  // The first update stores that the rewind has begun.
  world.faults.add({ site: 'minutely dynamodb.UpdateItem rewind', kind: 'killed before', after: 1 });
  await pause();
  await move('-15m');
  await resume();
  await world.clock.advance(minutes(1.5));
  const { number, plan } = await stored();
  expect(world.faults.happened()).toHaveLength(1);
  expect(plan?.phase).toBe('begun');
  expect(await asOperator((target) => lastRewind(step, target, signal))).toMatchObject({
    number,
    plan: { phase: 'done' },
  });
  await expect(move('-15m', false)).rejects.toThrow('standard input is not a terminal');
});

test('continuing a rewind that is done by then requests no other one', async () => {
  await append('a');
  await pause();
  await move('-15m');
  const { number } = await stored();
  await resume();
  await world.clock.advance(minutes(3));
  expect(await asOperator((target) => continueRewind(step, target, { seen: number, onProgress, signal }))).toBe(true);
  expect(await stored()).toMatchObject({ number, plan: { phase: 'done' } });
});

test('a rewind that another one has replaced is not continued', async () => {
  await append('a');
  await pause();
  await move('-15m');
  const { number } = await stored();
  await move('earliest');
  await expect(
    asOperator((target) => continueRewind(step, target, { seen: number, onProgress, signal })),
  ).rejects.toThrow(/^words\/minutely was moved to earliest meanwhile/);
});
