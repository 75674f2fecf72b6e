import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { lastRewind, type RewindRequest, rewindStep } from '../../../../infra/operation/control/rewind.ts';
import type { TargetWithFunctions } from '../../../../infra/operation/target.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import type { TransformPlan } from '../../../../infra/pipelines/plan.ts';
import { operate } from '../../../kit/operator.ts';
import { startWorld, type World } from '../../../kit/world.ts';

const Count = z.object({ count: z.number() });
const passed = defineTransform({ entry: import.meta.url, from: Count, to: Count, apply: (event) => [event] });

const counting = definePipeline({
  name: 'counting',
  streams: { raw: { schema: Count }, clean: { schema: Count } },
  transforms: { passing: { from: 'raw', apply: passed, to: 'clean' } },
});

const { signal } = new AbortController();
const earliest: RewindRequest = { to: 'earliest', said: 'earliest' };
const onProgress = (): void => undefined;

let world: World;
let step: TransformPlan;
beforeEach(async () => {
  const startMillis = Date.parse('2026-01-01T00:00:00Z');
  world = await startWorld({
    pipelines: [counting],
    recordBytes: undefined,
    pollMillis: undefined,
    seed: 1,
    startMillis,
  });
  step = world.steps.find(({ name }) => name === 'passing') as TransformPlan;
});

const lastNumber = async (): Promise<number> =>
  (await operate(world, (target) => lastRewind(step, target, signal))).number;
const rewind = (request: RewindRequest): Promise<boolean> =>
  operate(world, (target) => rewindStep(step, target, { request, onProgress, signal }));

test('of two operators who saw the same rewind, the second gets an error about the first one, and moves nothing', async () => {
  const number = await lastNumber();
  expect(await rewind({ ...earliest, seen: number })).toBe(true);
  await expect(rewind({ ...earliest, seen: number })).rejects.toThrow(
    /^counting\/passing was moved to earliest meanwhile, by a command of 2026-01-01T.*Z; check its positions/,
  );
  expect(await lastNumber()).toBe(number + 1);
  expect(await rewind({ ...earliest, seen: number + 1 })).toBe(true);
  expect(await lastNumber()).toBe(number + 2);
});

test('two operators who request the same rewind at once both see it done, and it is done once', async () => {
  const number = await lastNumber();
  const ask = (target: TargetWithFunctions): Promise<boolean> =>
    rewindStep(step, target, { request: { ...earliest, seen: number }, onProgress, signal });
  expect(await operate(world, (target) => Promise.all([ask(target), ask(target)]))).toEqual([true, true]);
  expect(await lastNumber()).toBe(number + 1);
});
