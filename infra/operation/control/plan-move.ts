import type { RewindPlan } from '../../../functions/runtime/rewind/plan.ts';
import type { PipelinePlan, SinkPlan, StepPlan, TablePlan, TransformPlan } from '../../pipelines/plan.ts';
import { duplicatesOnReplay, sinksWithDuplicates } from '../doubling.ts';
import type { TargetWithFunctions } from '../target.ts';
import { parsePosition, parseShards } from './move-request.ts';
import { previewMove, type ShardMove } from './preview-move.ts';
import { isUnfinished, lastRewind, type RewindRequest } from './rewind.ts';

/** A move of a step that somebody asks for, and what is known of the last one. */
export interface AskedMove {
  readonly request: RewindRequest & { readonly seen: number };
  readonly last: RewindPlan | undefined;
  /** True: the last move was asked for with the same words, and is unfinished: this continues it. */
  readonly continues: boolean;
}

/** Parses what an operator says of a move. Throws a `UserMistake` for a position that is none. */
export async function askedMove(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  of: { readonly said: string; readonly shards: string | boolean | undefined; readonly signal: AbortSignal },
): Promise<AskedMove> {
  const { said, shards, signal } = of;
  const { number: seen, plan: last } = await lastRewind(step, target, signal);
  const request = { to: parsePosition(said, Date.now()), said, shards: parseShards(shards), seen };
  return { request, last, continues: last !== undefined && isUnfinished(last, request) };
}

/** What a move would do. */
export interface MovePreview {
  readonly shards: readonly ShardMove[];
  /** True: every shard is at that position already. */
  readonly isThere: boolean;
  readonly duplicates: Duplicates;
}

/**
 * What processing events again would put there twice: nothing; the rows of the sink itself, which so cannot be moved
 * back; or rows of sinks and tables behind the transform.
 */
export type Duplicates =
  | { readonly of: 'nothing' }
  | { readonly of: 'sink'; readonly what: 'rows' | 'events'; readonly into: 'table' | 'prefix' }
  | { readonly of: 'readers'; readonly steps: readonly StepPlan[] };

/** Reads the log to tell what a move would do, and moves nothing. */
export async function planMove(
  step: TransformPlan | SinkPlan,
  target: TargetWithFunctions,
  {
    request,
    plans,
    signal,
  }: { readonly request: RewindRequest; readonly plans: readonly PipelinePlan[]; readonly signal: AbortSignal },
): Promise<MovePreview> {
  const shards = await previewMove(step, target, { to: request.to, shards: request.shards, signal });
  return {
    shards,
    isThere: shards.every(({ does, from }) => does === 'nothing' && from !== undefined),
    duplicates: shards.some(({ does }) => does === 'replays') ? duplicatesOf(step, plans) : { of: 'nothing' },
  };
}

function duplicatesOf(step: TransformPlan | SinkPlan, plans: readonly PipelinePlan[]): Duplicates {
  if (step.kind === 'sink') {
    if (!duplicatesOnReplay(step)) return { of: 'nothing' };
    return step.connector === 'postgres'
      ? { of: 'sink', what: 'rows', into: 'table' }
      : { of: 'sink', what: 'events', into: 'prefix' };
  }
  const steps: readonly (SinkPlan | TablePlan)[] = sinksWithDuplicates(step, plans);
  return steps.length === 0 ? { of: 'nothing' } : { of: 'readers', steps };
}
