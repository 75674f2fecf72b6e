import { loadPull } from '../../../functions/runtime/pull/pull-state.ts';
import { LOG_LEFT_MILLIS } from '../../delivery.ts';
import type { StepPlan } from '../../pipelines/plan.ts';
import { checkpointsOf, type Target } from '../target.ts';
import { type Finding, look } from './finding.ts';
import { deployCommand, type ExaminedStage } from './stage.ts';

const MIB = 1024 * 1024;
const HOUR_MILLIS = 3_600_000;

/** Looks at what a database keeps of its log for a source, as the source has found it last. */
export async function examineKeptLog(step: StepPlan, stage: ExaminedStage): Promise<readonly Finding[]> {
  if (step.kind !== 'source' || step.connector !== 'postgres-changes') return [];
  const { target, signal } = stage;
  const checkpoints = checkpointsOf(step, target as Target);
  const finding = await look({
    of: `${step.pipeline}/${step.name}`,
    what: 'kept log',
    right: ['dynamodb:GetItem', target.names.arnOf('dynamodb', `table/${target.names.checkpoints}`)],
    read: async () => (await loadPull(checkpoints, { nowMillis: Date.now(), signal })).state.kept,
    judge(kept) {
      if (kept === undefined) return { ok: 'the source has not asked its database yet' };
      const { bytes, leftMillis, atMillis } = kept;
      const found = `the database keeps ${Math.round(bytes / MIB)} MiB of its log for it (${new Date(atMillis).toISOString()})`;
      if (leftMillis === undefined) return { ok: found };
      const left = `${found}, and removes what it has not read in ${Math.floor(leftMillis / HOUR_MILLIS)} hours at the present rate`;
      return leftMillis < LOG_LEFT_MILLIS ? { wrong: left, fix: 'see docs/runbook.md#log-kept' } : { ok: left };
    },
    ifMissing: deployCommand(stage),
  });
  return [finding];
}
