import { setTimeout as delay } from 'node:timers/promises';
import { LANES } from '../../functions/runtime/items/lanes.ts';
import { mappingSettings } from '../delivery.ts';
import { systemClock } from '../emulator/clock.ts';
import type { Invoke } from '../emulator/invoke.ts';
import type { FunctionDefinition } from '../emulator/lambda-host/function-definition.ts';
import { type LambdaHost, startLambdaHost } from '../emulator/lambda-host/host.ts';
import { type Mapping, startMapping } from '../emulator/mapping/mapping.ts';
import { type QueueMapping, startQueueMapping } from '../emulator/queue-mapping.ts';
import { type Scheduler, startScheduler } from '../emulator/scheduler.ts';
import type { Trace } from '../emulator/trace.ts';
import type { PipelinePlan, SinkPlan, SourcePlan, StepPlan, TransformPlan } from '../pipelines/plan.ts';
import { openInvokeEndpoint } from './endpoints/invoke-endpoint.ts';
import { type Landing, openLanding } from './endpoints/landing.ts';
import { openRequestEndpoint } from './endpoints/request-endpoint.ts';
import { ACCOUNT, REGION } from './servers/servers.ts';
import type { LocalStage } from './stage.ts';

/** Pipelines at work on this machine: every step's function in processes of its own, fed as AWS feeds it. */
export interface Runner {
  readonly steps: readonly StepPlan[];
  readonly landing: Landing;
  /** Where events are sent to a source, by `<pipeline>/<step>`. */
  readonly urls: ReadonlyMap<string, string>;
  /** Where an operator's commands call functions. */
  readonly invokeUrl: string;
  /** Resolves when a continuous step has done or discarded all that was in its stream at this call. */
  caughtUp(step: StepPlan): Promise<void>;
  /** Starts a run of a scheduled step, beside those of its schedule. Resolves when it has ended. */
  runNow(step: StepPlan): Promise<void>;
  /** From now on the step runs as defined here: its next invocation does. */
  reload(definition: FunctionDefinition): void;
  /** Ends a step's processes at once, as if their machine had died. */
  kill(step: StepPlan): Promise<void>;
}

export interface RunnerOptions {
  readonly plans: readonly PipelinePlan[];
  readonly functions: readonly FunctionDefinition[];
  readonly stage: LocalStage;
  /** A function's line that is not for machines. */
  readonly onLog: (functionName: string, line: string) => void;
  readonly trace: (step: StepPlan) => Trace;
  /** The first source that answers requests listens here, the next one above; any free ports without it. */
  readonly httpPort?: number;
}

/** A laptop waits less than Lambda between two looks at a shard. */
const PACE = { pollMillis: 250, backOffMillis: 200, longestBackOffMillis: 5_000 };

/** Runs that EventBridge Scheduler starts twice: rare on AWS, often enough here to be seen. */
const TWICE_PROBABILITY = 0.1;

export async function startRunner(options: RunnerOptions, running: AsyncDisposableStack): Promise<Runner> {
  const { plans, functions, stage, onLog } = options;
  const steps = plans.flatMap((plan) => plan.steps);
  const clock = systemClock();
  const identity = { region: REGION, accountId: ACCOUNT, accessKeyId: 'local', secretAccessKey: 'local' };
  const host = startLambdaHost({ functions, clock, onLog, identity, random: Math.random });
  const feeders = startFeeders(options, host);
  running.defer(() => stopGently(host, feeders));
  return {
    steps,
    landing: openLanding(stage, steps.filter(isQueueSource)),
    urls: await openDoors(options, host, running),
    invokeUrl: await openInvokeEndpoint((name, payload) => host.invoke(name, payload), running),
    caughtUp: async (step) => mappingOf(feeders, step).caughtUp(),
    runNow: (step) => feeders.scheduler.runNow(functionName(stage, step)),
    reload: (definition) => host.reload(definition),
    kill: (step) => host.kill(functionName(stage, step)),
  };
}

/** What calls the functions. */
interface Feeders {
  readonly mappings: ReadonlyMap<string, Mapping>;
  readonly queues: readonly QueueMapping[];
  readonly scheduler: Scheduler;
}

function startFeeders({ plans, stage, trace }: RunnerOptions, host: LambdaHost): Feeders {
  const steps = plans.flatMap((plan) => plan.steps);
  const { kinesis, s3, sqs } = stage.clients;
  const common = { clock: systemClock(), random: Math.random };
  const invoke: Invoke = ({ functionArn, payload, requestId }) => host.invoke(functionArn, payload, { requestId });
  const mappings = steps.filter(isContinuous).map((step): [string, Mapping] => [
    nameOf(step),
    startMapping({
      ...common,
      configuration: {
        FunctionName: functionName(stage, step),
        EventSourceArn: streamArn(stage.streamName(step.input.stream)),
        ...inCapitals(mappingSettings(step.input, `arn:aws:s3:::${stage.names.deadLetters}`)),
      },
      kinesis,
      invoke,
      destinations: { s3 },
      trace: trace(step),
      pace: PACE,
    }),
  ]);
  const queues = steps.filter(isQueueSource).map((step) =>
    startQueueMapping({
      ...common,
      configuration: {
        FunctionName: functionName(stage, step),
        EventSourceArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${functionName(stage, step)}`,
        BatchSize: 1,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ScalingConfig: { MaximumConcurrency: LANES },
      },
      sqs,
      invoke,
      trace: trace(step),
    }),
  );
  const scheduled = steps.filter(isScheduled);
  const scheduler = startScheduler({
    ...common,
    schedules: scheduled.map((step) => ({
      name: functionName(stage, step),
      expression: rateOf(step),
      functionArn: functionName(stage, step),
      input: '{}',
      maximumRetryAttempts: 0,
    })),
    invoke,
    trace: (entry) => {
      const step = scheduled.find((one) => 'schedule' in entry && functionName(stage, one) === entry.schedule);
      if (step !== undefined) trace(step)(entry);
    },
    twiceProbability: TWICE_PROBABILITY,
  });
  return { mappings: new Map(mappings), queues, scheduler };
}

async function openDoors(
  { plans, stage, httpPort }: RunnerOptions,
  host: LambdaHost,
  running: AsyncDisposableStack,
): Promise<ReadonlyMap<string, string>> {
  const urls = new Map<string, string>();
  const sources = plans.flatMap(({ steps }) => steps).filter((step) => step.delivery === 'request');
  for (const [index, source] of sources.entries()) {
    const port = httpPort === undefined ? 0 : httpPort + index;
    const invoke = (payload: string) => host.invoke(functionName(stage, source), payload);
    urls.set(nameOf(source), await openRequestEndpoint(invoke, port, running));
  }
  return urls;
}

/** How long invocations under way may take to end by themselves. */
const GRACE_MILLIS = 3_000;

async function stopGently(host: LambdaHost, { mappings, queues, scheduler }: Feeders): Promise<void> {
  const stopped = Promise.allSettled([
    ...[...mappings.values()].map((mapping) => mapping.delete()),
    ...queues.map((queue) => queue.stop()),
    scheduler.stop(),
  ]);
  const waiting = new AbortController();
  await Promise.race([stopped, delay(GRACE_MILLIS, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  waiting.abort();
  await host.close();
  await stopped;
}

export function nameOf({ pipeline, name }: Pick<StepPlan, 'pipeline' | 'name'>): string {
  return `${pipeline}/${name}`;
}

export function functionName({ names }: LocalStage, { pipeline, name }: StepPlan): string {
  return names.step(pipeline, name);
}

export function isContinuous(step: StepPlan): step is TransformPlan | SinkPlan {
  return step.delivery === 'continuous';
}

export function isScheduled(step: StepPlan): step is SinkPlan {
  return step.delivery === 'scheduled';
}

function isQueueSource(step: StepPlan): step is SourcePlan {
  return step.delivery === 'queue';
}

function mappingOf({ mappings }: Feeders, step: StepPlan): Mapping {
  const mapping = mappings.get(nameOf(step));
  if (mapping === undefined) throw new Error(`step '${nameOf(step)}' is not continuous: it has no mapping`);
  return mapping;
}

function rateOf({ every = 60_000 }: SinkPlan): string {
  const minutes = every / 60_000;
  return `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`;
}

function streamArn(stream: string): string {
  return `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/${stream}`;
}

/** CloudFormation's names begin small in the CDK, and the API's with a capital. */
function inCapitals({ destinationConfig, ...settings }: ReturnType<typeof mappingSettings>) {
  return {
    StartingPosition: settings.startingPosition,
    ...('startingPositionTimestamp' in settings
      ? { StartingPositionTimestamp: settings.startingPositionTimestamp }
      : {}),
    BatchSize: settings.batchSize,
    ParallelizationFactor: settings.parallelizationFactor,
    FunctionResponseTypes: settings.functionResponseTypes,
    BisectBatchOnFunctionError: settings.bisectBatchOnFunctionError,
    MaximumRetryAttempts: settings.maximumRetryAttempts,
    MaximumRecordAgeInSeconds: settings.maximumRecordAgeInSeconds,
    DestinationConfig: { OnFailure: { Destination: destinationConfig.onFailure.destination } },
  };
}
