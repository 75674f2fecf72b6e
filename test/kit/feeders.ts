import { LANES } from '../../functions/runtime/items/lanes.ts';
import { mappingSettings, pullEveryMillis, rateOf } from '../../infra/delivery.ts';
import type { Clock } from '../../infra/emulator/clock.ts';
import type { InvokeRequest, InvokeResult } from '../../infra/emulator/invoke.ts';
import type { MappingRequest } from '../../infra/emulator/mapping/configuration.ts';
import { type Mapping, startMapping } from '../../infra/emulator/mapping/mapping.ts';
import { startQueueMapping } from '../../infra/emulator/queue-mapping.ts';
import { type Scheduler, startScheduler } from '../../infra/emulator/scheduler.ts';
import type { ReaderPlan, ScheduledSinkPlan, SourcePlan, StepPlan } from '../../infra/pipelines/plan.ts';
import type { OwnStreamPlan } from '../../infra/pipelines/streams.ts';
import { tickSchedule } from '../../infra/ticks.ts';
import type { Functions } from './functions.ts';
import { type Stage, TWICE_PROBABILITY } from './stage.ts';
import type { Story } from './story.ts';

/** The mappings and the scheduler that invoke the steps' functions, configured as on AWS. */
export interface Feeders {
  readonly mappings: ReadonlyMap<StepPlan, Mapping>;
  readonly scheduler: Scheduler;
}

export function startFeeders(
  steps: readonly StepPlan[],
  of: {
    readonly stage: Stage;
    readonly functions: Functions;
    readonly clock: Clock;
    readonly story: Story;
    readonly pollMillis: number | undefined;
    readonly randomOf: (what: string) => () => number;
    /** The streams that get a tick each minute. */
    readonly ticked: readonly OwnStreamPlan[];
    /** Appends a tick to a stream, as the scheduled function does. */
    readonly tick: (stream: OwnStreamPlan, event: unknown) => Promise<InvokeResult>;
  },
): Feeders {
  const { stage, functions, clock, story, pollMillis, randomOf, ticked, tick } = of;
  const nameOf = ({ pipeline, name }: StepPlan): string => stage.names.step(pipeline, name);
  const invoked = (step: StepPlan) => (request: InvokeRequest) => functions.invoke(step, request);
  const common = (step: StepPlan) => ({
    clock,
    invoke: invoked(step),
    random: randomOf(`feeder of ${step.name}`),
    trace: (entry: Parameters<Story['traced']>[1]) => story.traced(step.name, entry),
  });

  const mappings = steps.filter(isContinuous).map((step): [StepPlan, Mapping] => [
    step,
    startMapping({
      ...common(step),
      configuration: {
        FunctionName: nameOf(step),
        EventSourceArn: stage.names.arnOf('kinesis', `stream/${stage.streamName(step.input.stream)}`),
        ...(inCapitals(mappingSettings(step.input, stage.names.bucketArnOf(stage.names.deadLetters))) as Pick<
          MappingRequest,
          'StartingPosition'
        >),
      },
      kinesis: stage.streams.client,
      ...(pollMillis === undefined ? {} : { pace: { pollMillis } }),
      destinations: { s3: { send: stage.s3.call } as never },
    }),
  ]);
  for (const step of steps.filter(({ delivery }) => delivery === 'queue')) {
    startQueueMapping({
      ...common(step),
      configuration: {
        FunctionName: nameOf(step),
        EventSourceArn: stage.names.arnOf('sqs', nameOf(step)),
        BatchSize: 1,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: LANES },
      },
      sqs: {
        send: (command: never, { abortSignal }: { abortSignal?: AbortSignal } = {}) =>
          stage.sqs.call(command, abortSignal),
      } as never,
    });
  }
  const scheduled = steps.filter((step) => isScheduled(step) || isPulled(step));
  const ticks = new Map(ticked.map((stream) => [stage.names.ticks(stream.pipeline, stream.name), stream]));
  const scheduler = startScheduler({
    schedules: [
      ...scheduled.map((step) => ({
        name: nameOf(step),
        expression: rateOf(isScheduled(step) ? step.every : pullEveryMillis(step)),
        functionArn: nameOf(step),
        input: '{}',
        maximumRetryAttempts: 0,
      })),
      ...ticked.map((stream) => tickSchedule(stream, stage.names)),
    ],
    invoke: async (request) => {
      const stream = ticks.get(request.functionArn);
      if (stream === undefined) return functions.invoke(named(scheduled, request.functionArn, nameOf), request);
      return tick(stream, JSON.parse(request.payload));
    },
    clock,
    random: randomOf('scheduler'),
    trace: (entry) => {
      if ('schedule' in entry && !ticks.has(entry.schedule))
        story.traced(named(scheduled, entry.schedule, nameOf).name, entry);
    },
    twiceProbability: TWICE_PROBABILITY,
  });
  return { mappings: new Map(mappings), scheduler };
}

export function isContinuous(step: StepPlan): step is ReaderPlan {
  return step.delivery === 'continuous';
}

export function isScheduled(step: StepPlan): step is ScheduledSinkPlan {
  return step.delivery === 'scheduled';
}

export function isPulled(step: StepPlan): step is SourcePlan & { readonly delivery: 'pulled' } {
  return step.delivery === 'pulled';
}

function named(steps: readonly StepPlan[], name: string, nameOf: (step: StepPlan) => string): StepPlan {
  const step = steps.find((one) => nameOf(one) === name);
  if (step === undefined) throw new Error(`there is no scheduled step '${name}'`);
  return step;
}

/** Capitalizes names: the CDK's properties begin with a small letter, the API's with a capital. */
function inCapitals(settings: unknown): unknown {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return settings;
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name.charAt(0).toUpperCase() + name.slice(1), inCapitals(value)]),
  );
}
