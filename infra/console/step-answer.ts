import { shardBeginnings } from '../operation/status/shard-beginnings.ts';
import type { StepStatus } from '../operation/status/status.ts';
import { statusOf } from '../operation/status/statuses.ts';
import { outputsOf, type StepPlan } from '../pipelines/plan.ts';
import { aboutOf } from './about-step.ts';
import type { StepAnswer, StepShard } from './answers.ts';
import type { ConsoleSource } from './source.ts';
import { streamOf } from './stream-of.ts';

/** Answers where a step stands in each shard. */
export async function stepAnswer(
  step: StepPlan,
  { target }: Pick<ConsoleSource, 'target'>,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const rows = await statusOf(step, target, signal);
  const shards = rows.flatMap(({ shard }) => (shard?.startsWith('shardId-') ? [shard] : []));
  const beginnings =
    step.kind === 'source' || shards.length === 0
      ? new Map<string, string>()
      : await shardBeginnings(target.clients.kinesis, { stream: target.streamName(step.input.stream), shards }, signal);
  const now = Date.now();
  const promise = rows.find((row) => row.promise !== undefined)?.promise;
  return {
    pipeline: step.pipeline,
    name: step.name,
    about: aboutOf(step),
    ...(step.kind === 'source' ? {} : { from: streamOf(step.input.stream) }),
    to: outputsOf(step).map(streamOf),
    ...(promise === undefined ? {} : { promise }),
    deadLetters: rows.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    shards: rows.map((row) => shardOf(row, beginnings.get(row.shard ?? ''), now)),
  };
}

function shardOf(row: StepStatus, oldest: string | undefined, now: number): StepShard {
  const { shard, state, position, recordsBehind, eventsBehind = recordsBehind, lagMillis, lastProgress, note } = row;
  return {
    state,
    now,
    andMore: row.andMore ?? false,
    ...(shard === undefined ? {} : { shard }),
    ...(oldest === undefined ? {} : { oldest }),
    ...(position === undefined ? {} : { position }),
    ...(eventsBehind === undefined ? {} : { behind: eventsBehind }),
    ...(lagMillis === undefined ? {} : { lagMillis }),
    ...(lastProgress === undefined ? {} : { lastProgress }),
    ...(note === undefined ? {} : { note }),
  };
}
