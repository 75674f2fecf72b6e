import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * Every physical name, in one place. A name begins with `millrace-<stage>-`, and a stage has no hyphen, so two stages
 * never collide; a pipeline's and a step's or stream's name are joined by two hyphens, which neither may hold, so
 * neither do they. CloudFormation derives the names that are not here (roles, policies, security groups) from the
 * stack's name.
 */
export const Stage = z
  .string()
  .regex(/^[a-z][a-z0-9]{0,11}$/, 'a stage is 1 to 12 of a-z and 0-9, beginning with a letter');

/** Where a stage lies. In the CDK app account and region are tokens: no account is needed to synthesize. */
export interface StageEnvironment {
  readonly stage: string;
  readonly account: string;
  readonly region: string;
  readonly partition: string;
}

export interface Names {
  readonly platformStack: string;
  readonly checkpoints: string;
  readonly deadLetters: string;
  readonly landing: string;
  readonly lake: string;
  /** The database instance's identifier. */
  readonly database: string;
  /** The function that makes dead letters of what Lambda gave up on. */
  readonly givenUp: string;
  /** The function that makes the sinks' user in it. */
  readonly databaseInit: string;
  pipelineStack(pipeline: string): string;
  stream(pipeline: string, stream: string): string;
  /** A step's function, queue, schedule and consumer of its stream are called the same. */
  step(pipeline: string, step: string): string;
  /** The queue of what a step's own queue gave up on. */
  failedItems(pipeline: string, step: string): string;
  secret(pipeline: string, step: string, purpose: string): string;
  /** `of`: a pipeline and its step or stream. What: `lag`. */
  alarm(of: readonly [pipeline: string, name: string], what: string): string;
  databaseAlarm(what: string): string;
  platformAlarm(what: string): string;
  dashboard(pipeline: string): string;
  /** Of something in the stage's account and region: `arnOf('dynamodb', 'table/…')`. */
  arnOf(service: string, resource: string): string;
  bucketArnOf(bucket: string): string;
}

export function namesOf({ stage, account, region, partition }: StageEnvironment): Names {
  const prefix = `millrace-${Stage.parse(stage)}`;
  return {
    platformStack: prefix,
    checkpoints: `${prefix}-checkpoints`,
    deadLetters: bucket('dead-letters'),
    landing: bucket('landing'),
    lake: bucket('lake'),
    database: prefix,
    databaseInit: `${prefix}-database-init`,
    givenUp: `${prefix}-given-up`,
    pipelineStack: (pipeline) => `${prefix}-${pipeline}`,
    stream: (pipeline, name) => `${prefix}-${pipeline}--${name}`,
    step: (pipeline, name) => shortened(`${prefix}-${pipeline}--${name}`, FUNCTION_NAME_LENGTH),
    failedItems: (pipeline, name) => shortened(`${prefix}-${pipeline}--${name}--failed`, QUEUE_NAME_LENGTH),
    secret: (pipeline, name, purpose) => `${prefix}-${pipeline}--${name}--${purpose}`,
    alarm: ([pipeline, name], what) => `${prefix}-${pipeline}--${name}--${what}`,
    databaseAlarm: (what) => `${prefix}--database--${what}`,
    platformAlarm: (what) => `${prefix}--platform--${what}`,
    dashboard: (pipeline) => `${prefix}-${pipeline}`,
    arnOf: (service, resource) => `arn:${partition}:${service}:${region}:${account}:${resource}`,
    bucketArnOf: (name) => `arn:${partition}:s3:::${name}`,
  };

  /** Buckets share one namespace with the whole world, so account and region make them ours: 63 characters at most. */
  function bucket(name: string): string {
    return `${prefix}-${name}-${account}-${region}`;
  }
}

const FUNCTION_NAME_LENGTH = 64;
const QUEUE_NAME_LENGTH = 80;
const HASH_LENGTH = 10;

/** A name that AWS would find too long keeps its beginning, and a hash of the whole makes it unique again. */
function shortened(name: string, length: number): string {
  if (name.length <= length) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  return `${name.slice(0, length - HASH_LENGTH - '--'.length)}--${hash}`;
}
