import { expect, onTestFailed, onTestFinished } from 'vitest';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { Pipeline, Streams } from '../../infra/pipelines/pipeline.ts';
import { type GivenEvent, isMarked, type Refusal } from './given-events.ts';
import { type MadeEvent, type RefusedEvent, transformed } from './given-transform.ts';
import { type PipelineRun, type RunOptions, startPipelineRun } from './pipeline-run.ts';

/** Starts a pipeline for a test. When the test fails, its error shows what the pipeline did. */
export async function givenPipeline<S extends Streams>(
  pipeline: Pipeline<S>,
  options: RunOptions = {},
): Promise<PipelineRun<S>> {
  const run = await startPipelineRun(pipeline, options);
  onTestFailed(({ task }) => {
    const story = [`what pipeline '${pipeline.name}' did with seed ${options.seed ?? 1}:`, ...run.story()].join('\n  ');
    for (const error of task.result?.errors ?? []) error.message += `\n\n${story}`;
  });
  onTestFinished(() => run[Symbol.dispose]());
  return run;
}

/** Tests a transform without a pipeline: `given(cleanReadings, [reading]).gives([cleaned])`. */
export function given<W, O>(transform: Transform<W, O>, events: readonly (W | GivenEvent)[]): TransformExpectation<O> {
  const made = transformed(transform, events);
  return {
    gives(expected) {
      expect(made.map((one, index) => asFarAsExpected(one, expected[index]))).toEqual(expected);
    },
  };
}

export interface TransformExpectation<O> {
  /**
   * Expects these results of the events, in order: the data of an output, `event({ … })` for more than its data, or
   * `refusal('schema')` for an event that the transform rejects.
   */
  gives(expected: readonly (O | GivenEvent<O> | Refusal)[]): void;
}

/** Reduces a result to the fields that the expectation names. */
function asFarAsExpected(made: MadeEvent | RefusedEvent, expected: unknown): unknown {
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
