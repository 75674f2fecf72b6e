import { expect, onTestFailed } from 'vitest';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { Pipeline, Streams } from '../../infra/pipelines/pipeline.ts';
import { type GivenEvent, isMarked, type Refusal } from './given-events.ts';
import { type MadeEvent, type RefusedEvent, transformed } from './given-transform.ts';
import { type PipelineRun, type RunOptions, startPipelineRun } from './pipeline-run.ts';

/** Starts a pipeline for the test that calls it: should that fail, its error tells what the pipeline did. */
export async function givenPipeline<S extends Streams>(
  pipeline: Pipeline<S>,
  options: RunOptions = {},
): Promise<PipelineRun<S>> {
  const run = await startPipelineRun(pipeline, options);
  onTestFailed(({ task }) => {
    const story = [`what '${pipeline.name}' did with seed ${options.seed ?? 1}:`, ...run.story()].join('\n  ');
    for (const error of task.result?.errors ?? []) error.message += `\n\n${story}`;
  });
  return run;
}

/** `given(cleanReadings, [reading]).gives([cleaned])`: no pipeline needed. */
export function given<W, O>(transform: Transform<W, O>, events: readonly (W | GivenEvent)[]): TransformExpectation<O> {
  const made = transformed(transform, events);
  return {
    gives(expected) {
      expect(made.map((one, index) => asFarAsSaid(one, expected[index]))).toEqual(expected);
    },
  };
}

export interface TransformExpectation<O> {
  /**
   * All that comes of the events, in order: the data of what it makes, `event({ … })` to say more than the data,
   * `refusal('schema')` for an event that it refuses.
   */
  gives(expected: readonly (O | GivenEvent<O> | Refusal)[]): void;
}

/** What there is, in the form in which something else was expected. */
function asFarAsSaid(made: MadeEvent | RefusedEvent, expected: unknown): unknown {
  if ('refused' in made) {
    if (!isRefusal(expected)) return made;
    const { message } = expected;
    const fits = typeof message === 'string' ? made.message.includes(message) : message.test(made.message);
    return fits ? { ...made, message } : made;
  }
  if (!isMarked(expected) || isRefusal(expected)) return made.data;
  return Object.fromEntries(Object.keys(expected).map((field) => [field, made[field as keyof MadeEvent]]));
}

function isRefusal(expected: unknown): expected is Refusal {
  return isMarked(expected) && 'refused' in expected;
}
