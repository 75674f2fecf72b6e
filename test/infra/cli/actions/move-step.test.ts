import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { loadPlan } from '../../../../functions/runtime/rewind/plan.ts';
import { postgresSink } from '../../../../functions/sinks/postgres/postgres.ts';
import { moveStep } from '../../../../infra/cli/actions/move-step.ts';
import { askedOf } from '../../../../infra/cli/target/find-step.ts';
import type { FoundTarget } from '../../../../infra/cli/target/open-target.ts';
import { pauseStep, resumeStep } from '../../../../infra/operation/control/pause.ts';
import { goOnRewinding, lastRewind } from '../../../../infra/operation/control/rewind.ts';
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
let said: string[];
beforeEach(async () => {
  said = [];
  const startMillis = Date.parse('2026-01-01T00:00:00Z');
  world = await startWorld({ pipelines: [words], recordBytes: undefined, pollMillis: undefined, seed: 1, startMillis });
  step = world.steps.find(({ name }) => name === 'minutely') as SinkPlan;
  for (const stream of ['log', 'error'] as const)
    vi.spyOn(console, stream).mockImplementation((line) => void said.push(String(line)));
});
afterEach(() => vi.restoreAllMocks());

const by = <Result>(work: (target: TargetWithFunctions) => Promise<Result>): Promise<Result> => operate(world, work);

const written = async (word: string): Promise<void> => {
  await by(async ({ clients: { kinesis }, streamName }) => {
    const writer = openLogWriter({ kinesis, stream: streamName(step.input.stream) });
    const time = new Date(world.clock.now()).toISOString();
    const dataBytes = Buffer.from(JSON.stringify({ word, count: 1 }));
    const about = { id: word, source: '/given', type: 'given', key: word, sequence: undefined, traceparent: undefined };
    await writer.append([{ ...about, time, dataBytes }], signal);
  });
  await world.clock.advance(minutes(3));
};
const pause = () => by((target) => pauseStep(step, target, { onProgress, signal }));
const resume = () => by((target) => resumeStep(step, target, signal));
const stored = () => by((target) => loadPlan(checkpointsOf(step, target), signal));

/** What the command says, and its exit code. */
const moved = async (to: string, yes = true): Promise<{ readonly code: number; readonly said: string }> => {
  said = [];
  const code = await by((target) => {
    const found: FoundTarget = { target, title: 'a test', pipelines: undefined, [Symbol.dispose]: onProgress };
    const invocation = { positionals: ['words', 'minutely'], values: { to, yes }, signal };
    return moveStep({ step, asked: askedOf([words], found), found }, invocation);
  });
  return { code, said: said.join('\n') };
};

test('a scheduled sink that is paused, moved, resumed and done: its plan is ended, and the same words again ask again', async () => {
  await written('a');
  await pause();
  expect(await moved('-15m')).toMatchObject({
    code: 1,
    said: expect.stringContaining('is paused: it goes there when'),
  });
  expect(await moved('-15m')).toMatchObject({ code: 1, said: expect.stringContaining('goes on with what was asked') });
  const { number, plan: asked } = await stored();
  expect(asked?.phase).toBe('begun');
  await resume();
  await world.clock.advance(minutes(3));
  expect((await stored()).plan?.phase).toBe('done');

  await world.clock.advance(hours(24));
  await written('b');
  await expect(moved('-15m', false)).rejects.toThrow(/replays 1 event. Move it\?\nnobody is there to answer/);
  expect(await stored()).toMatchObject({ number, plan: { phase: 'done' } });
  const again = await moved('-15m');
  expect(again).toMatchObject({ code: 0, said: expect.stringContaining('this moves it once more') });
  const { number: second, plan } = await stored();
  expect(second).toBe(number + 1);
  expect(plan?.to).toEqual({ millis: expect.closeTo(world.clock.now() - minutes(15), -5) });
});

test('a rewind whose end nobody could write down is done, and the same words again ask again', async () => {
  await written('a');
  // The first is that it has begun.
  world.faults.add({ site: 'minutely dynamodb.UpdateItem rewind', kind: 'killed before', after: 1 });
  await pause();
  await moved('-15m');
  await resume();
  await world.clock.advance(minutes(1.5));
  const { number, plan } = await stored();
  expect(world.faults.happened()).toHaveLength(1);
  expect(plan?.phase).toBe('begun');
  expect(await by((target) => lastRewind(step, target, signal))).toMatchObject({ number, plan: { phase: 'done' } });
  await expect(moved('-15m', false)).rejects.toThrow('nobody is there to answer');
});

test('what is gone on with, and is done by then, is not asked for once more', async () => {
  await written('a');
  await pause();
  await moved('-15m');
  const { number } = await stored();
  await resume();
  await world.clock.advance(minutes(3));
  expect(await by((target) => goOnRewinding(step, target, { seen: number, onProgress, signal }))).toBe(true);
  expect(await stored()).toMatchObject({ number, plan: { phase: 'done' } });
});

test('what another move has taken the place of is not gone on with', async () => {
  await written('a');
  await pause();
  await moved('-15m');
  const { number } = await stored();
  await moved('earliest');
  await expect(by((target) => goOnRewinding(step, target, { seen: number, onProgress, signal }))).rejects.toThrow(
    /^words\/minutely was moved to earliest meanwhile/,
  );
});
