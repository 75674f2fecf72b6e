import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { PostgresServer } from '../../functions/clients/postgres-login.ts';
import type { Question, Reply } from '../../functions/clients/query.ts';
import { type Checkpoints, checkpointsOfStep } from '../../functions/runtime/checkpoints/checkpoints.ts';
import type { Names } from '../names.ts';
import type { SinkPlan, StepPlan, TablePlan } from '../pipelines/plan.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import type { CatalogPlace } from './catalog-place.ts';

/** Where pipelines run, with what an operator needs to reach them: a stage on AWS, or a dev on this machine. */
export interface Target {
  readonly names: Names;
  readonly clients: {
    readonly kinesis: KinesisClient;
    readonly dynamodb: DynamoDBClient;
    readonly s3: S3Client;
    readonly sqs: SQSClient;
  };
  /** The stream's name or ARN. */
  streamName(stream: StreamPlan): string;
  /** The database where a sink or a table keeps its progress, with the login that the step's function uses. */
  databaseOf(step: SinkPlan | TablePlan, signal: AbortSignal): Promise<PostgresServer>;
  /** Where the catalogue of an Iceberg sink answers. */
  catalogOf(step: SinkPlan, signal: AbortSignal): Promise<CatalogPlace>;
  /** Asks the stage's own database, wherever it is, as a role that only reads. */
  ask(question: Question, signal: AbortSignal): Promise<Reply>;
}

/** A target whose functions an operator may call. */
export interface TargetWithFunctions extends Target {
  /** Calls a step's function and resolves to its answer. Rejects with `FunctionFailed` when the call fails. */
  invoke(step: StepPlan, request: object, signal: AbortSignal): Promise<unknown>;
}

/** Opens a step's part of the checkpoint table. */
export function checkpointsOf(step: StepPlan, { clients, names }: Target): Checkpoints {
  const { pipeline, name, formerly } = step;
  return checkpointsOfStep(clients.dynamodb, { pipeline, step: name, formerly, checkpoints: names.checkpoints });
}
