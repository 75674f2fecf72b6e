import type { RewindPoint } from '../../../functions/runtime/checkpoints/rewind-state.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { SinkPlan, StepPlan, TransformPlan } from '../../pipelines/plan.ts';
import { knownStart } from './times.ts';

/** Where an operator wants a step to be: what `startOf` takes, or a record's sequence number. */
export function parsePosition(said: string, nowMillis: number): RewindPoint {
  if (/^\d{10,56}$/.test(said)) return { sequenceNumber: said };
  const start = knownStart(said, nowMillis);
  if (start === undefined)
    throw new UserMistake(
      `'${said}' is no position: earliest, latest, 2026-01-31T23:59:00Z, -15m (s, m, h, d), or a sequence number (--json shows whole ones)`,
    );
  return start === 'earliest' ? start : { millis: start.getTime() };
}

/** `0,3` or whole ids. */
export function shardsOf(said: string | boolean | undefined): readonly string[] | undefined {
  if (typeof said !== 'string') return undefined;
  return said.split(',').map((shard) => {
    const trimmed = shard.trim();
    return /^\d+$/.test(trimmed) ? `shardId-${trimmed.padStart(SHARD_DIGITS, '0')}` : trimmed;
  });
}

const SHARD_DIGITS = 12;

/** A step that reads a stream. */
export function readerOf(step: StepPlan): TransformPlan | SinkPlan {
  if (step.kind !== 'source') return step;
  throw new UserMistake(
    `'${step.name}' is a source: it reads no stream, so it has no position in one; rewind the steps that read '${streamOf(step)}'`,
  );
}

function streamOf({ output }: Extract<StepPlan, { kind: 'source' }>): string {
  return output.kind === 'own' ? output.name : output.arn;
}
