import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { PostgresServer } from '../../functions/clients/postgres-login.ts';
import { type Checkpoints, openCheckpoints } from '../../functions/runtime/checkpoints/checkpoints.ts';
import type { Names } from '../names.ts';
import type { SinkPlan, StepPlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';

/** Where pipelines run, as an operator reaches it: a stage on AWS, or this machine's. */
export interface Target {
  readonly names: Names;
  readonly clients: {
    readonly kinesis: KinesisClient;
    readonly dynamodb: DynamoDBClient;
    readonly s3: S3Client;
    readonly sqs: SQSClient;
  };
  /** Name or ARN. */
  streamName(stream: StreamPlan): string;
  /** The database in which a sink keeps its own progress, with the login of its function. */
  databaseOf(step: SinkPlan, signal: AbortSignal): Promise<PostgresServer>;
}

/** A place whose functions an operator may call. */
export interface TargetWithFunctions extends Target {
  /** Calls a step's function, and waits for its answer. Rejects with `FunctionFailed` when that does not come. */
  invoke(step: StepPlan, request: object, signal: AbortSignal): Promise<unknown>;
}

export function checkpointsOf(step: StepPlan, { clients, names }: Target): Checkpoints {
  const { pipeline, name, formerly } = step;
  return openCheckpoints({
    dynamodb: clients.dynamodb,
    table: names.checkpoints,
    step: `${pipeline}/${name}`,
    ...(formerly === undefined ? {} : { formerly: `${pipeline}/${formerly}` }),
  });
}
