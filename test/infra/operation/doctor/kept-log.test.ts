import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { loadPull, type PullState, savePull } from '../../../../functions/runtime/pull/pull-state.ts';
import { postgresChangesSource } from '../../../../functions/sources/postgres-changes/postgres-changes.ts';
import { examineKeptLog } from '../../../../infra/operation/doctor/kept-log.ts';
import type { ExaminedStage } from '../../../../infra/operation/doctor/stage.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';
import { noDeadline } from '../../../eventually.ts';
import { type Engine, startEngine } from '../../../functions/runtime/engine-kit.ts';

const HOUR = 3_600_000;
const MIB = 1024 * 1024;
const Row = z.object({ id: z.string() });
const crm = definePipeline({
  name: 'crm',
  streams: { rows: { schema: Row } },
  sources: { changes: { read: postgresChangesSource({ tables: ['rows'] }) as never, to: 'rows' } },
});

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.stop());

async function foundWith(kept: PullState['kept']) {
  const { dynamodb } = engine.surroundings({ options: {}, resources: {} });
  const checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'crm/changes' });
  const stored = await loadPull(checkpoints, { nowMillis: 0, signal: noDeadline() });
  const { kept: _, ...state } = stored.state;
  await savePull(checkpoints, stored, { state: { ...state, ...(kept && { kept }) }, signal: noDeadline() });
  const names = { checkpoints: 'checkpoints', stage: 'test', arnOf: (...parts: string[]) => parts.join(':') };
  const stage = { target: { names, clients: { dynamodb } }, signal: noDeadline() } as unknown as ExaminedStage;
  const [step] = planOf(crm, [crm]).steps;
  if (step === undefined) throw new Error('the pipeline has no step');
  const [finding] = await examineKeptLog(step, stage);
  return finding;
}

test('doctor says how much log a database keeps for a source, and what to do a day before it removes changes', async () => {
  expect(await foundWith(undefined)).toMatchObject({ of: 'crm/changes', what: 'kept log', state: 'ok' });
  const found = 'the database keeps 512 MiB of its log for it (1970-01-01T00:00:00.000Z)';
  expect(await foundWith({ bytes: 512 * MIB, atMillis: 0 })).toMatchObject({ state: 'ok', found });
  const left = (hours: number) => `${found}, and removes what it has not read in ${hours} hours at the present rate`;
  expect(await foundWith({ bytes: 512 * MIB, leftMillis: 25 * HOUR, atMillis: 0 })).toMatchObject({
    state: 'ok',
    found: left(25),
  });
  expect(await foundWith({ bytes: 512 * MIB, leftMillis: 23 * HOUR, atMillis: 0 })).toMatchObject({
    state: 'wrong',
    found: left(23),
    fix: 'see docs/runbook.md#log-kept',
  });
});
