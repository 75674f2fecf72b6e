import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { lastRewind, rewindStep, type Wish } from '../../../../infra/operation/control/rewind.ts';
import type { PlaceWithFunctions } from '../../../../infra/operation/target.ts';
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
const earliest: Wish = { to: 'earliest', said: 'earliest' };
const told = (): void => undefined;

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

const seen = async (): Promise<number> => (await operate(world, (place) => lastRewind(step, place, signal))).number;
const rewind = (wish: Wish): Promise<boolean> =>
  operate(world, (place) => rewindStep(step, place, { wish, told, signal }));

test('of two operators who saw the same, the second is told what the first one did, and moves nothing', async () => {
  const number = await seen();
  expect(await rewind({ ...earliest, seen: number })).toBe(true);
  await expect(rewind({ ...earliest, seen: number })).rejects.toThrow(
    /^counting\/passing was moved to earliest meanwhile, by a command of 2026-01-01T.*Z: look where it is/,
  );
  expect(await seen()).toBe(number + 1);
  expect(await rewind({ ...earliest, seen: number + 1 })).toBe(true);
  expect(await seen()).toBe(number + 2);
});

test('of two operators who ask for the same at once, both see it done, and it is done once', async () => {
  const number = await seen();
  const ask = (place: PlaceWithFunctions): Promise<boolean> =>
    rewindStep(step, place, { wish: { ...earliest, seen: number }, told, signal });
  expect(await operate(world, (place) => Promise.all([ask(place), ask(place)]))).toEqual([true, true]);
  expect(await seen()).toBe(number + 1);
});
