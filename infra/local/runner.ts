import { setTimeout as delay } from 'node:timers/promises';
import { LANES } from '../../functions/runtime/items/lanes.ts';
import { mappingSettings, pullEveryMillis, rateOf } from '../delivery.ts';
import { systemClock } from '../emulator/clock.ts';
import type { Invoke } from '../emulator/invoke.ts';
import type { FunctionDefinition } from '../emulator/lambda-host/function-definition.ts';
import { type LambdaHost, startLambdaHost } from '../emulator/lambda-host/host.ts';
import { type Mapping, startMapping } from '../emulator/mapping/mapping.ts';
import { openMappingNames } from '../emulator/mapping/mapping-names.ts';
import { type QueueMapping, startQueueMapping } from '../emulator/queue-mapping.ts';
import { type Scheduler, startScheduler } from '../emulator/scheduler.ts';
import type { Trace } from '../emulator/trace.ts';
import type { PipelinePlan, ReaderPlan, ScheduledSinkPlan, SourcePlan, StepPlan } from '../pipelines/plan.ts';
import { tickSchedule } from '../ticks.ts';
import { openInvokeEndpoint } from './endpoints/invoke-endpoint.ts';
import { type Landing, openLanding } from './endpoints/landing.ts';
import { openRequestEndpoint } from './endpoints/request-endpoint.ts';
import { startServer } from './servers/servers.ts';
import type { LocalStage } from './stage.ts';
import { ACCOUNT, REGION } from './target.ts';

/** Running pipelines on this machine: every step's function in processes of its own, invoked as on AWS. */
export interface Runner {
  readonly steps: readonly StepPlan[];
  readonly landing: Landing;
  /** The URLs of sources that answer requests, by `<pipeline>/<step>`. */
  readonly urls: ReadonlyMap<string, string>;
  /** The endpoint where operator commands call functions. */
  readonly invokeUrl: string;
  /** Resolves when a continuous step has processed or discarded all records that were in its stream at this call. */
  caughtUp(step: StepPlan): Promise<void>;
  /** Runs a scheduled step once, in addition to its schedule. Resolves when the run has ended. */
  runNow(step: StepPlan): Promise<void>;
  /** Replaces a step's function from its next invocation on. */
  reload(definition: FunctionDefinition): void;
  /** Kills a step's processes, as if their machine had failed. */
  kill(step: StepPlan): Promise<void>;
}

export interface RunnerOptions {
  readonly plans: readonly PipelinePlan[];
  readonly functions: readonly FunctionDefinition[];
  readonly stage: LocalStage;
  /** Called with each line of a function's log. */
  readonly onLog: (functionName: string, line: string) => void;
  readonly trace: (step: StepPlan) => Trace;
  /** The port of the first source that answers requests; the next source takes the next port. Default: free ports. */
  readonly httpPort?: number;
}

/** Polls a shard more often than Lambda does. */
const PACE = { pollMillis: 250, backOffMillis: 200, longestBackOffMillis: 5_000 };

/** How often a schedule starts a run twice: rarely on AWS, often enough here that a bug would show. */
const TWICE_PROBABILITY = 0.1;

export async function startRunner(options: RunnerOptions, running: AsyncDisposableStack): Promise<Runner> {
  const { plans, functions, stage, onLog } = options;
  const steps = plans.flatMap((plan) => plan.steps);
  const clock = systemClock();
  const identity = { region: REGION, accountId: ACCOUNT, accessKeyId: 'local', secretAccessKey: 'local' };
  const host = startLambdaHost({ functions, clock, onLog, identity, random: Math.random });
  let ending = false;
  const trace = (step: StepPlan): Trace => {
    const each = options.trace(step);
    return (entry) => (ending ? undefined : each(entry));
  };
  const triggers = startTriggers({ ...options, trace }, host);
  running.defer(() =>
    stop(triggers, async () => {
      // An invocation that is cut off here did not fail.
      ending = true;
      await host.close();
    }),
  );
  return {
    steps,
    landing: openLanding(stage, steps.filter(isQueueSource)),
    urls: await openRequestEndpoints(options, host, running),
    invokeUrl: await openInvokeEndpoint((name, payload) => host.invoke(name, payload), running),
    caughtUp: async (step) => mappingOf(triggers, step).caughtUp(),
    runNow: (step) => triggers.scheduler.runNow(functionName(stage, step)),
    reload: (definition) => host.reload(definition),
    kill: (step) => host.kill(functionName(stage, step)),
  };
}

/** The services that invoke the functions. */
interface Triggers {
  readonly mappings: ReadonlyMap<string, Mapping>;
  readonly queues: readonly QueueMapping[];
  readonly scheduler: Scheduler;
}

function startTriggers({ plans, stage, trace }: RunnerOptions, host: LambdaHost): Triggers {
  const steps = plans.flatMap((plan) => plan.steps);
  const { kinesis, s3, sqs } = stage.clients;
  const common = { clock: systemClock(), random: Math.random };
  const invoke: Invoke = ({ functionArn, payload, requestId }) => host.invoke(functionArn, payload, { requestId });
  const names = openMappingNames();
  const mappings = steps.filter(isContinuous).map((step): [string, Mapping] => [
    nameOf(step),
    startMapping({
      ...common,
      names,
      configuration: {
        FunctionName: functionName(stage, step),
        EventSourceArn: streamArn(stage.streamName(step.input.stream)),
        ...asApiSettings(mappingSettings(step.input, `arn:aws:s3:::${stage.names.deadLetters}`)),
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
  const scheduled = steps.filter((step) => isScheduled(step) || isPulled(step));
  const scheduler = startScheduler({
    ...common,
    schedules: [
      ...scheduled.map((step) => ({
        name: functionName(stage, step),
        expression: rateOf(isScheduled(step) ? step.every : pullEveryMillis(step)),
        functionArn: functionName(stage, step),
        input: '{}',
        maximumRetryAttempts: 0,
      })),
      ...plans.flatMap(({ ticked }) => ticked).map((stream) => tickSchedule(stream, stage.names)),
    ],
    invoke,
    trace: (entry) => {
      const step = scheduled.find((one) => 'schedule' in entry && functionName(stage, one) === entry.schedule);
      if (step !== undefined) trace(step)(entry);
    },
    twiceProbability: TWICE_PROBABILITY,
  });
  return { mappings: new Map(mappings), queues, scheduler };
}

async function openRequestEndpoints(
  { plans, stage, httpPort }: RunnerOptions,
  host: LambdaHost,
  running: AsyncDisposableStack,
): Promise<ReadonlyMap<string, string>> {
  const urls = new Map<string, string>();
  const sources = plans.flatMap(({ steps }) => steps).filter((step) => step.delivery === 'request');
  for (const [index, source] of sources.entries()) {
    const port = httpPort === undefined ? 0 : httpPort + index;
    const invoke = (payload: string) => host.invoke(functionName(stage, source), payload);
    const open = () => openRequestEndpoint(invoke, port, running);
    urls.set(nameOf(source), await startServer(`the source ${nameOf(source)}`, port, open));
  }
  return urls;
}

/** How long running invocations may take to end by themselves. */
const GRACE_MILLIS = 3_000;

async function stop({ mappings, queues, scheduler }: Triggers, cutOff: () => Promise<void>): Promise<void> {
  const stopped = Promise.allSettled([
    ...[...mappings.values()].map((mapping) => mapping.delete()),
    ...queues.map((queue) => queue.stop()),
    scheduler.stop(),
  ]);
  const waiting = new AbortController();
  await Promise.race([stopped, delay(GRACE_MILLIS, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  waiting.abort();
  await cutOff();
  await stopped;
}

export function nameOf({ pipeline, name }: Pick<StepPlan, 'pipeline' | 'name'>): string {
  return `${pipeline}/${name}`;
}

export function functionName({ names }: LocalStage, { pipeline, name }: StepPlan): string {
  return names.step(pipeline, name);
}

export function isContinuous(step: StepPlan): step is ReaderPlan {
  return step.delivery === 'continuous';
}

export function isScheduled(step: StepPlan): step is ScheduledSinkPlan {
  return step.delivery === 'scheduled';
}

/** Tells whether a schedule reads the source. */
export function isPulled(step: StepPlan): step is SourcePlan & { readonly delivery: 'pulled' } {
  return step.delivery === 'pulled';
}

function isQueueSource(step: StepPlan): step is SourcePlan {
  return step.delivery === 'queue';
}

function mappingOf({ mappings }: Triggers, step: StepPlan): Mapping {
  const mapping = mappings.get(nameOf(step));
  if (mapping === undefined) throw new Error(`step '${nameOf(step)}' is not continuous: it has no mapping`);
  return mapping;
}

function streamArn(stream: string): string {
  return `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/${stream}`;
}

/** Renames the settings from the CDK's lower-case names to those of Lambda's API. */
function asApiSettings({ destinationConfig, ...settings }: ReturnType<typeof mappingSettings>) {
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
