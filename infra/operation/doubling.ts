import type { SinkDefinition } from '../../functions/runtime/sink.ts';
import { parseOrExplain } from '../../functions/runtime/step-config.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { s3Definition } from '../../functions/sinks/s3/s3.ts';
import type { SinkName } from '../connectors.ts';
import type { PipelinePlan, SinkPlan, TransformPlan } from '../pipelines/plan.ts';
import { sameStream } from '../pipelines/streams.ts';

/** What commands ask of a sink without running it. */
const asked: Record<SinkName, (options: unknown) => Asked> = {
  s3: (options) => askedOf(s3Definition, options),
  postgres: (options) => askedOf(postgresDefinition, options),
};

interface Asked {
  readonly doubles: boolean;
}

function askedOf<O, R>(definition: SinkDefinition<O, R>, options: unknown): Asked {
  return { doubles: definition.doubles(parseOrExplain(definition.options, options, 'the options of the sink')) };
}

/** Whether an event that is written again is there twice then. */
export function doubles({ connector, options }: SinkPlan): boolean {
  return asked[connector](options).doubles;
}

/**
 * The sinks to which events of a transform come, through any number of other transforms, that would have them twice.
 */
export function doubledBy(transform: TransformPlan, plans: readonly PipelinePlan[]): readonly SinkPlan[] {
  const steps = plans.flatMap((plan) => plan.steps);
  const found: SinkPlan[] = [];
  const seen = new Set<TransformPlan>();
  const waiting = [transform];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const step of steps) {
      if (step.kind === 'source' || !sameStream(step.input.stream, next.output)) continue;
      if (step.kind === 'transform') waiting.push(step);
      else if (doubles(step) && !found.includes(step)) found.push(step);
    }
  }
  return found;
}
