import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import { dynamoClient } from './aws/dynamo.ts';
import { kinesisClient } from './aws/kinesis.ts';
import { s3Client } from './aws/s3.ts';
import { type Attempts, openAttempts } from './checkpoints/attempts.ts';
import { type Checkpoints, openCheckpoints } from './checkpoints/checkpoints.ts';
import { type MarkPages, openMarkPages } from './checkpoints/mark-pages.ts';
import { type DeadLetters, openDeadLetters } from './dead-letters/dead-letters.ts';
import { openProcessLock, type ProcessLock } from './exclusive.ts';
import { type LogWriter, openLogWriter } from './log/log-writer.ts';
import { logError, type MetricsOf, metricsLine, type StepCounts } from './metrics.ts';
import { openPause, type Pause } from './pause/pause.ts';
import { endpointIsOverridden, readStepConfig, type StepConfig } from './step-config.ts';

/** What the outside gives a step: tests give emulators and a clock of their own. */
export interface StepSurroundings {
  readonly config: StepConfig;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  readonly s3: Pick<S3Client, 'send'>;
  now(): number;
  /** Takes one line for the function's log. */
  log(line: string): void;
}

/** One step in one process: opened once, used by every invocation. */
export interface Step {
  readonly config: StepConfig;
  /** `<pipeline>/<step>`: its name in checkpoints and sources. */
  readonly name: string;
  /** The same under the name it had before. */
  readonly formerName: string | undefined;
  readonly kinesis: Pick<KinesisClient, 'send'>;
  readonly checkpoints: Checkpoints;
  /** Another step's of the stage: `<pipeline>/<step>`. To be looked at only. */
  readonly checkpointsOf: (step: string) => Pick<Checkpoints, 'load'>;
  readonly markPages: MarkPages;
  readonly pause: Pause;
  readonly attempts: Attempts;
  /** Of what this process does at shards. */
  readonly lock: ProcessLock;
  readonly deadLetters: DeadLetters;
  readonly writer: LogWriter | undefined;
  now(): number;
  report(shard: string, counts: StepCounts): void;
  complain(shard: string, error: unknown): void;
}

/** What Lambda passes to a handler beside the event, as far as the runtime uses it. */
export interface Invocation {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
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

/** Not by the console: Lambda's puts a time and a level before a line, and metrics are found in lines that are JSON. */
export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function openStep(surroundings: StepSurroundings): Step {
  const { config, kinesis, dynamodb, s3, now, log } = surroundings;
  const { pipeline, step, formerly, output } = config;
  const formerName = formerly === undefined ? undefined : `${pipeline}/${formerly}`;
  const of = (shard: string): MetricsOf => ({ pipeline, step, shard });
  const checkpoints = openCheckpoints({
    dynamodb,
    table: config.checkpoints,
    step: `${pipeline}/${step}`,
    ...(formerName === undefined ? {} : { formerly: formerName }),
  });
  return {
    config,
    name: `${pipeline}/${step}`,
    formerName,
    kinesis,
    checkpoints,
    checkpointsOf: (other) => openCheckpoints({ dynamodb, table: config.checkpoints, step: other }),
    markPages: openMarkPages(checkpoints),
    pause: openPause({ checkpoints, now }),
    attempts: openAttempts(checkpoints),
    lock: openProcessLock(),
    deadLetters: openDeadLetters({ s3, bucket: config.deadLetters, pipeline, step }),
    writer: output === undefined ? undefined : openLogWriter({ kinesis, ...output }),
    now,
    report: (shard, counts) => log(metricsLine(of(shard), counts, now())),
    complain: (shard, error) => log(logError(of(shard), error)),
  };
}

/** Kept back from an invocation's time, to give up calls, answer and be done before Lambda ends the process. */
const RESERVE_MILLIS = 1_500;

/** Aborts a little before the invocation's time is over: no request may outlive it. */
export function deadlineOf(invocation: Invocation): AbortSignal {
  return AbortSignal.timeout(Math.max(1, invocation.getRemainingTimeInMillis() - RESERVE_MILLIS));
}
