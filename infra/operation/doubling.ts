import type { SinkDefinition } from '../../functions/runtime/sink.ts';
import { parseOrExplain } from '../../functions/runtime/step-config.ts';
import { dynamoDbDefinition } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { icebergDefinition } from '../../functions/sinks/iceberg/iceberg.ts';
import { openSearchDefinition } from '../../functions/sinks/opensearch/opensearch.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { s3Definition } from '../../functions/sinks/s3/s3.ts';
import { webhookDefinition } from '../../functions/sinks/webhook/webhook.ts';
import type { SinkName } from '../connectors.ts';
import type { PipelinePlan, SinkPlan, TablePlan, TransformPlan } from '../pipelines/plan.ts';
import { sameStream } from '../pipelines/streams.ts';

/** Each sink's own answer for its options. */
const DOUBLES: Record<SinkName, (options: unknown) => boolean> = {
  s3: (options) => doublesWith(s3Definition, options),
  postgres: (options) => doublesWith(postgresDefinition, options),
  dynamodb: (options) => doublesWith(dynamoDbDefinition, options),
  iceberg: (options) => doublesWith(icebergDefinition, options),
  opensearch: (options) => doublesWith(openSearchDefinition, options),
  webhook: (options) => doublesWith(webhookDefinition, options),
};

function doublesWith<O, R>(definition: SinkDefinition<O, R>, options: unknown): boolean {
  return definition.doubles(parseOrExplain(definition.options, options, 'the options of the sink'));
}

/** Tells whether a sink keeps a duplicate of an event that it writes again, because it appends. */
export function duplicatesOnReplay({ connector, options }: SinkPlan): boolean {
  return DOUBLES[connector](options);
}

/**
 * Finds the sinks that would get duplicates if a transform were replayed, through any number of other transforms, and
 * the tables, which would count its events twice.
 */
export function sinksWithDuplicates(
  transform: TransformPlan,
  plans: readonly PipelinePlan[],
): readonly (SinkPlan | TablePlan)[] {
  const steps = plans.flatMap((plan) => plan.steps);
  const found: (SinkPlan | TablePlan)[] = [];
  const seen = new Set<TransformPlan>();
  const queue = [transform];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const step of steps) {
      if (step.kind === 'source' || !sameStream(step.input.stream, next.output)) continue;
      if (step.kind === 'transform') queue.push(step);
      else if ((step.kind === 'table' || duplicatesOnReplay(step)) && !found.includes(step)) found.push(step);
    }
  }
  return found;
}
