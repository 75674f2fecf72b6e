import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { loadPull, type PullState, savePull } from '../../../../functions/runtime/pull/pull-state.ts';
import { generatorSource } from '../../../../functions/sources/generator/generator.ts';
import { stepStatus } from '../../../../infra/operation/status/status.ts';
import type { Target } from '../../../../infra/operation/target.ts';
import { definePipeline, minutes } from '../../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';
import { noDeadline } from '../../../eventually.ts';
import { type Engine, startEngine } from '../../../functions/runtime/engine-kit.ts';

const Row = z.object({ id: z.string() });
const read = generatorSource({ schema: Row, type: 'row.made', key: 'id', perSecond: 1 });

/** Plans a pulled source, with the name that the engine's steps have. */
function planned(every?: number) {
  const s = { read, to: 'rows', ...(every === undefined ? {} : { every }) } as const;
  const pipeline = definePipeline({ name: 'p', streams: { rows: { schema: Row } }, sources: { s } });
  const [step] = planOf(pipeline, [pipeline]).steps;
  if (step === undefined) throw new Error('the pipeline has no step');
  return step;
}

describe('the status of a pulled source', () => {
  let engine: Engine;
  beforeEach(async () => {
    engine = await startEngine();
  });
  afterEach(() => engine.stop());

  /** Stores a state, and looks at the step. */
  async function statusOf(more: Partial<PullState>, every?: number) {
    const { dynamodb } = engine.surroundings({ options: {}, resources: {} });
    const checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'p/s' });
    const stored = await loadPull(checkpoints, { nowMillis: Date.now(), signal: noDeadline() });
    await savePull(checkpoints, stored, { state: { ...stored.state, ...more }, signal: noDeadline() });
    const target = {
      names: { checkpoints: 'checkpoints', deadLetters: 'dead' },
      clients: { dynamodb, s3: { send: async () => ({}) } },
    } as unknown as Target;
    const [status] = await stepStatus(planned(every), target, noDeadline());
    return status;
  }

  test('shows what the source says of itself', async () => {
    const note = 'the session 7 has an open transaction';
    expect(await statusOf({ note })).toMatchObject({ state: 'idle', note });
  });

  test('is held when one event has killed the process three times, and says where to read on', async () => {
    const killed = { within: 1, alone: 3, code: 'g1', sinceMillis: 0, lastMillis: 0 };
    expect(await statusOf({ killed, note: 'something else' })).toMatchObject({
      state: 'held',
      note: expect.stringContaining('"A step holds" in docs/runbook.md'),
    });
    expect(await statusOf({ killed: { ...killed, alone: 2 } })).toMatchObject({ state: 'idle' });
  });

  test('is behind when no run has begun for longer than its schedule explains', async () => {
    const atMillis = Date.now() - minutes(15);
    expect(await statusOf({ atMillis })).toMatchObject({ state: 'behind' });
    expect(await statusOf({ atMillis }, minutes(10))).toMatchObject({ state: 'idle' });
  });
});
