import { describeStream } from '../../functions/runtime/log/shards.ts';
import { outputsOf, type StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { columnsOfSchema } from '../sql/schema/schema-columns.ts';
import type { StreamAnswer } from './answers.ts';
import type { ConsoleSource } from './source.ts';

/** Answers what a stream is, and which steps write and read it. */
export async function streamAnswer(
  { find, target }: Pick<ConsoleSource, 'find' | 'target'>,
  { pipeline, name }: { readonly pipeline: string; readonly name: string },
  signal: AbortSignal,
): Promise<StreamAnswer> {
  const stream = find.stream(pipeline, name);
  const physical = target.streamName(stream);
  const { shards, retentionMillis } = await describeStream(target.clients.kinesis, physical, signal);
  const open = shards.filter((shard) => shard.open).length;
  const steps = find.plans().flatMap((plan) => plan.steps);
  const isSame = (other: StreamPlan): boolean => target.streamName(other) === physical;
  const named = (some: readonly StepPlan[]): readonly string[] => some.map((step) => `${step.pipeline}/${step.name}`);
  return {
    pipeline,
    name,
    physical,
    shards: { open, closed: shards.length - open },
    retentionHours: retentionMillis / 3_600_000,
    writers: named(steps.filter((step) => outputsOf(step).some(isSame))),
    readers: named(steps.filter((step) => step.kind !== 'source' && isSame(step.input.stream))),
    fields: fieldsOf(stream),
  };
}

/** A schema that SQL has no columns for has no fields either. */
function fieldsOf({ schema }: StreamPlan): readonly string[] {
  try {
    return columnsOfSchema(schema)?.map(({ name }) => name) ?? [];
  } catch {
    return [];
  }
}
