import type { StepConfig } from '../functions/runtime/step-config.ts';
import { TICK_INPUT } from '../functions/runtime/tick-handler.ts';
import { type Limits, rateOf } from './delivery.ts';
import type { ScheduleDefinition } from './emulator/scheduler.ts';
import type { Names } from './names.ts';
import { outputConfigOf } from './pipelines/step-config.ts';
import type { OwnStreamPlan, StreamPlan } from './pipelines/streams.ts';

/** The module of the function that appends ticks, relative to the repository. */
export const TICK_ENTRY = 'functions/runtime/tick-handler.ts';

/** How often a stream gets a tick. EventBridge Scheduler has no shorter rate. */
export const TICK_MILLIS = 60_000;

/** The next tick says all that a lost one did, so a run ends before the next one begins. */
export const TICK_LIMITS: Limits = { timeoutSeconds: 55, memoryMb: 512 };

/** Makes the configuration of the function that appends ticks to a stream. */
export function tickConfigOf(stream: OwnStreamPlan, names: Names, nameOf: (stream: StreamPlan) => string): StepConfig {
  const { copyOf } = stream;
  return {
    stage: names.stage,
    pipeline: stream.pipeline,
    step: `${stream.name}--ticks`,
    generation: 'ticks',
    checkpoints: names.checkpoints,
    deadLetters: names.deadLetters,
    output: outputConfigOf(stream, nameOf),
    ...(copyOf === undefined
      ? {}
      : {
          input: { stream: nameOf(copyOf.stream), own: [], start: 'earliest' },
          options: { copy: copyOf.step },
        }),
  };
}

/** Makes the schedule of a stream's ticks, for the emulated scheduler. */
export function tickSchedule({ pipeline, name }: OwnStreamPlan, names: Names): ScheduleDefinition {
  const functionArn = names.ticks(pipeline, name);
  const expression = rateOf(TICK_MILLIS);
  return { name: functionArn, expression, functionArn, input: TICK_INPUT, maximumRetryAttempts: 0 };
}
