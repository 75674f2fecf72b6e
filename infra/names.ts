import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * The name of a stage. Every physical name begins with `millrace-<stage>-`, and a stage has no hyphen, so the names of
 * two stages never collide. Two hyphens join a pipeline's name and the name of its step or stream; neither name may
 * contain two hyphens, so the names of two steps never collide either. CloudFormation derives the names that are not in
 * this file (roles, policies, security groups) from the stack's name.
 */
export const Stage = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,11}$/, 'a stage has 1 to 12 characters of a-z and 0-9, the first a letter');

/** A stage and its account. In the CDK app, account and region are tokens, so synthesizing needs no account. */
export interface StageEnvironment {
  readonly stage: string;
  readonly account: string;
  readonly region: string;
  readonly partition: string;
}

export interface Names {
  readonly stage: string;
  readonly platformStack: string;
  readonly checkpoints: string;
  /** What the names of the DynamoDB tables begin with that users make for sinks. */
  readonly tablePrefix: string;
  readonly deadLetters: string;
  readonly landing: string;
  readonly lake: string;
  /** The database instance's identifier. */
  readonly database: string;
  /** The function that turns batches discarded by Lambda into dead letters. */
  readonly givenUp: string;
  /** The function that creates the sinks' user in the database. */
  readonly databaseInit: string;
  /** The function that asks the database for operators. */
  readonly databaseQuery: string;
  pipelineStack(pipeline: string): string;
  stream(pipeline: string, stream: string): string;
  /** The name of a step's function, queue, schedule and stream consumer. */
  step(pipeline: string, step: string): string;
  /** The function that appends ticks to a stream, and its schedule. No step's name contains two hyphens. */
  ticks(pipeline: string, stream: string): string;
  /** The dead-letter queue of a step's queue. */
  failedItems(pipeline: string, step: string): string;
  secret(pipeline: string, step: string, purpose: string): string;
  /** `of` is a pipeline and its step or stream; `what` is the kind of alarm, such as `lag`. */
  alarm(of: readonly [pipeline: string, name: string], what: string): string;
  databaseAlarm(what: string): string;
  platformAlarm(what: string): string;
  dashboard(pipeline: string): string;
  /** Makes an ARN in the stage's account and region: `arnOf('dynamodb', 'table/…')`. */
  arnOf(service: string, resource: string): string;
  bucketArnOf(bucket: string): string;
}

export function namesOf({ stage, account, region, partition }: StageEnvironment): Names {
  const prefix = `millrace-${Stage.parse(stage)}`;
  return {
    stage,
    platformStack: prefix,
    checkpoints: `${prefix}-checkpoints`,
    tablePrefix: `${prefix}-`,
    deadLetters: bucket('dead-letters'),
    landing: bucket('landing'),
    lake: bucket('lake'),
    database: prefix,
    databaseInit: `${prefix}-database-init`,
    databaseQuery: `${prefix}-database-query`,
    givenUp: `${prefix}-given-up`,
    pipelineStack: (pipeline) => `${prefix}-${pipeline}`,
    stream: (pipeline, name) => `${prefix}-${pipeline}--${name}`,
    step: (pipeline, name) => shortened(`${prefix}-${pipeline}--${name}`, FUNCTION_NAME_LENGTH),
    ticks: (pipeline, stream) => shortened(`${prefix}-${pipeline}--${stream}--ticks`, FUNCTION_NAME_LENGTH),
    failedItems: (pipeline, name) => shortened(`${prefix}-${pipeline}--${name}--failed`, QUEUE_NAME_LENGTH),
    secret: (pipeline, name, purpose) => `${prefix}-${pipeline}--${name}--${purpose}`,
    alarm: ([pipeline, name], what) => `${prefix}-${pipeline}--${name}--${what}`,
    databaseAlarm: (what) => `${prefix}--database--${what}`,
    platformAlarm: (what) => `${prefix}--platform--${what}`,
    dashboard: (pipeline) => `${prefix}-${pipeline}`,
    arnOf: (service, resource) => `arn:${partition}:${service}:${region}:${account}:${resource}`,
    bucketArnOf: (name) => `arn:${partition}:s3:::${name}`,
  };

  /** Bucket names are unique across all of AWS, so they carry account and region. They have at most 63 characters. */
  function bucket(name: string): string {
    return `${prefix}-${name}-${account}-${region}`;
  }
}

const FUNCTION_NAME_LENGTH = 64;
const QUEUE_NAME_LENGTH = 80;
const HASH_LENGTH = 10;

/** Shortens a name that is too long for AWS: its beginning, and a hash of the whole that keeps it unique. */
function shortened(name: string, length: number): string {
  if (name.length <= length) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  return `${name.slice(0, length - HASH_LENGTH - '--'.length)}--${hash}`;
}
