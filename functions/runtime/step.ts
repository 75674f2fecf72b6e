import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import { dynamoClient } from './aws/dynamo.ts';
import { kinesisClient } from './aws/kinesis.ts';
import { s3Client } from './aws/s3.ts';
import { type Attempts, openAttempts } from './checkpoints/attempts.ts';
import { type Checkpoints, checkpointsOfStep, openCheckpoints } from './checkpoints/checkpoints.ts';
import { type MarkPages, openMarkPages } from './checkpoints/mark-pages.ts';
import type { MarkLimits } from './checkpoints/runs.ts';
import type { PagedStates } from './checkpoints/shard-states.ts';
import { type DeadLetters, openDeadLetters } from './dead-letters/dead-letters.ts';
import { openProcessLock, type ProcessLock } from './exclusive.ts';
import { type LogWriter, openLogWriter } from './log/log-writer.ts';
import type { PortionBounds } from './log/portion.ts';
import { logError, type MetricsOf, metricsLine, type StepCounts } from './metrics.ts';
import { openPause, type Pause } from './pause/pause.ts';
import { endpointIsOverridden, readStepConfig, type StepConfig } from './step-config.ts';

/** Everything that a step gets from outside its process. Tests give it emulators and their own clock. */
export interface StepSurroundings {
  readonly config: StepConfig;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  readonly s3: Pick<S3Client, 'send'>;
  /** Smaller bounds of a portion, for tests with few events. */
  readonly portion?: PortionBounds | undefined;
  now(): number;
  /** Writes one line to the function's log. */
  log(line: string): void;
  /** Smaller limits, so that few marks already have pages. Given by tests. */
  readonly markLimits?: MarkLimits | undefined;
}

/** One step in one process: opened once, used by every invocation. */
export interface Step {
  readonly config: StepConfig;
  /** The step's name in checkpoints and event sources: `<pipeline>/<step>`. */
  readonly name: string;
  /** The same with the step's former name. Undefined: the step was not renamed. */
  readonly formerName: string | undefined;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly s3: Pick<S3Client, 'send'>;
  readonly checkpoints: Checkpoints;
  /** Returns the checkpoints of another step of the stage, `<pipeline>/<step>`, for reading only. */
  readonly checkpointsOf: (step: string) => Pick<Checkpoints, 'load'>;
  readonly markPages: MarkPages;
  readonly markLimits: MarkLimits | undefined;
  /** The states and pages in the checkpoint table. */
  readonly states: PagedStates;
  readonly pause: Pause;
  readonly attempts: Attempts;
  /** Decides which shards this process may work on at the same time. */
  readonly lock: ProcessLock;
  readonly deadLetters: DeadLetters;
  readonly writer: LogWriter | undefined;
  readonly portion: PortionBounds | undefined;
  now(): number;
  /** Writes a line of metrics to the function's log. */
  report(shard: string, counts: StepCounts): void;
  /** Writes an error to the function's log. */
  complain(shard: string, error: unknown): void;
}

/** The part of Lambda's context object that the runtime uses. */
export interface Invocation {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** Makes a Lambda handler that opens its step with its first event: a module that is imported does nothing. */
export function openedOnLambda<H extends (event: never, invocation: Invocation) => unknown>(
  open: (surroundings: StepSurroundings) => H,
): H {
  let opened: H | undefined;
  const handle = (event: never, invocation: Invocation) => {
    opened ??= open(surroundingsOnLambda());
    return opened(event, invocation);
  };
  return handle as unknown as H;
}

export function surroundingsOnLambda(): StepSurroundings {
  const config = readStepConfig();
  return {
    config,
    kinesis: kinesisClient(),
    dynamodb: dynamoClient(),
    s3: s3Client({ pathStyle: endpointIsOverridden() }),
    now: Date.now,
    log: writeLine,
  };
}

/**
 * Writes a line to standard output. The console will not do: on Lambda it puts a time and a level before each line, and
 * CloudWatch finds metrics only in lines that are JSON.
 */
export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function openStep(surroundings: StepSurroundings): Step {
  const { config, kinesis, dynamodb, s3, portion, now, log } = surroundings;
  const { stage, pipeline, step, formerly, output } = config;
  const formerName = formerly === undefined ? undefined : `${pipeline}/${formerly}`;
  const of = (shard: string): MetricsOf => ({ stage, pipeline, step, shard });
  const checkpoints = checkpointsOfStep(dynamodb, config);
  const markPages = openMarkPages(checkpoints);
  return {
    config,
    name: `${pipeline}/${step}`,
    formerName,
    kinesis,
    s3,
    checkpoints,
    checkpointsOf: (other) => openCheckpoints({ dynamodb, table: config.checkpoints, step: other }),
    markPages,
    markLimits: surroundings.markLimits,
    states: { load: checkpoints.load, loadPages: markPages.load },
    pause: openPause({ checkpoints, now }),
    attempts: openAttempts(checkpoints),
    lock: openProcessLock(),
    deadLetters: openDeadLetters({ s3, bucket: config.deadLetters, pipeline, step }),
    writer: output === undefined ? undefined : openLogWriter({ kinesis, ...output, version: config.versions?.writes }),
    portion,
    now,
    report: (shard, counts) => log(metricsLine(of(shard), counts, now())),
    complain: (shard, error) => log(logError(of(shard), error)),
  };
}

/** The part of an invocation's time that is reserved to abort calls and to answer before Lambda ends the process. */
const RESERVE_MILLIS = 1_500;

/**
 * Returns a signal that aborts shortly before the invocation's time is over: no request may outlive an invocation. Give
 * `share` to abort when that part of the time is over.
 */
export function deadlineOf(invocation: Invocation, share = 1): AbortSignal {
  return AbortSignal.timeout(Math.max(1, (invocation.getRemainingTimeInMillis() - RESERVE_MILLIS) * share));
}
