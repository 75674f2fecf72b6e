import type { Names } from '../names.ts';
import type { Needs, Statement } from '../needs.ts';
import { outputsOf, type ReaderPlan, type StepPlan, type TablePlan } from '../pipelines/plan.ts';
import type { OwnStreamPlan, StreamPlan } from '../pipelines/streams.ts';
import { decryptsItsInput, encryptsItsOutput } from './key-statements.ts';
import { streamArnOf } from './stream-names.ts';

/** Lists what a step's function may do beside writing its log: what its kind needs, and what its connector needs. */
export function statementsOf(step: StepPlan, names: Names, needs: Needs | undefined): readonly Statement[] {
  return [
    ...(step.kind === 'source' ? [] : [readsItsInput(step, names), ...decryptsItsInput(step.input.stream, names)]),
    ...(step.kind === 'source' ? [] : seesDrainedShards(step, names)),
    ...(step.kind === 'table' ? readsItsArchive(step, names) : []),
    ...writesItsOutputs(outputsOf(step), names),
    step.delivery === 'request' ? seesWhetherItIsPaused(step, names) : movesItsCheckpoints(step, names),
    ...(step.delivery === 'request' ? [] : [keepsDeadLetters(step, names)]),
    ...(step.delivery === 'continuous' ? keepsDiscardedBatches(names) : []),
    ...(step.delivery === 'queue' ? [takesAnnouncements(step, names)] : []),
    ...(needs?.statements ?? []),
  ];
}

/** Lists the permissions to join a network. Only Lambda itself needs them; the function's own code is denied them. */
export function joinsItsNetwork(functionName: string, names: Names): readonly Statement[] {
  const actions = [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const itself = { ArnEquals: { 'lambda:SourceFunctionArn': names.arnOf('lambda', `function:${functionName}`) } };
  return [
    { why: 'lets lambda join the network', actions, resources: ['*'] },
    { why: 'keeps the code from the network', effect: 'deny', actions, resources: ['*'], conditions: itself },
  ];
}

export function logGroupOf(functionName: string): string {
  return `/aws/lambda/${functionName}`;
}

export function writesItsLog(functionName: string, names: Names): Statement {
  return {
    why: 'writes its log',
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: [names.arnOf('logs', `log-group:${logGroupOf(functionName)}:*`)],
  };
}

/** What the function that appends ticks to the copy of a stream looks at: the stream, and how far its copy is. */
export function seesCopied({ stream, step }: NonNullable<OwnStreamPlan['copyOf']>, names: Names): readonly Statement[] {
  return [
    {
      why: 'sees the end of the stream that is copied',
      actions: READ.map((action) => `kinesis:${action}`),
      resources: [streamArnOf(stream, names)],
    },
    { ...checkpointsOf([step], names), why: 'sees how far the copy is', actions: ['dynamodb:GetItem'] },
  ];
}

const READ = ['DescribeStreamSummary', 'ListShards', 'GetShardIterator', 'GetRecords'];

/**
 * A mapping reads with the function's role, and Lambda does not create it without `DescribeStream`. The step itself
 * lists the stream's shards and, on a schedule, reads them.
 */
function readsItsInput({ input, delivery }: ReaderPlan, names: Names): Statement {
  return {
    why: 'reads its input',
    actions: [...READ, ...(delivery === 'continuous' ? ['DescribeStream'] : [])].map((action) => `kinesis:${action}`),
    resources: [streamArnOf(input.stream, names)],
  };
}

/** One statement for all of its streams: a statement is named by its reason. */
function writesItsOutputs(streams: readonly StreamPlan[], names: Names): readonly Statement[] {
  const [first, ...others] = streams;
  if (first === undefined) return [];
  const writes = writesItsOutput(first, names);
  const resources = [...writes.resources, ...others.map((stream) => streamArnOf(stream, names))];
  return [{ ...writes, resources }, ...encryptsItsOutput(streams, names)];
}

export function writesItsOutput(stream: StreamPlan, names: Names): Statement {
  return {
    why: 'appends to its output',
    actions: ['kinesis:DescribeStreamSummary', 'kinesis:ListShards', 'kinesis:PutRecords'],
    resources: [streamArnOf(stream, names)],
  };
}

/** A step that keeps its positions with its rows also has checkpoints: they hold its pause. */
function movesItsCheckpoints(step: StepPlan, names: Names): Statement {
  return {
    ...ofItsCheckpoints(step, names),
    why: 'moves its own checkpoints',
    actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
  };
}

/** A source that answers requests has no positions, so it only reads its pause. */
function seesWhetherItIsPaused(step: StepPlan, names: Names): Statement {
  return { ...ofItsCheckpoints(step, names), why: 'sees whether it is paused', actions: ['dynamodb:GetItem'] };
}

/**
 * A shard that a transform upstream has drained sends nothing more, so its marks can be dropped
 * (functions/runtime/batches/drained-inputs.ts).
 */
function seesDrainedShards({ input }: ReaderPlan, names: Names): readonly Statement[] {
  if (input.transforms.length === 0) return [];
  const why = 'sees which shards the transforms before it have drained';
  return [{ ...checkpointsOf(input.transforms, names), why, actions: ['dynamodb:GetItem'] }];
}

/**
 * A table is made again of the records that a sink keeps, where the log has them no more (functions/runtime/archive/).
 */
function readsItsArchive({ archive }: TablePlan, names: Names): readonly Statement[] {
  if (archive === undefined) return [];
  const [lake, below] = [names.bucketArnOf(names.lake), `${archive.prefix}/*`];
  return [
    { why: 'reads the archive of its input', actions: ['s3:GetObject'], resources: [`${lake}/${below}`] },
    {
      why: 'finds the files of the archive',
      actions: ['s3:ListBucket'],
      resources: [lake],
      conditions: { StringLike: { 's3:prefix': below } },
    },
  ];
}

/** Covers a renamed step's former name too, because its checkpoints are there. */
function ofItsCheckpoints({ pipeline, name, formerly }: StepPlan, names: Names) {
  const own = formerly === undefined ? [name] : [name, formerly];
  return checkpointsOf(
    own.map((step) => `${pipeline}/${step}`),
    names,
  );
}

function checkpointsOf(steps: readonly string[], names: Names) {
  return {
    resources: [names.arnOf('dynamodb', `table/${names.checkpoints}`)],
    conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': steps } },
  };
}

function keepsDeadLetters({ pipeline, name }: StepPlan, names: Names): Statement {
  return {
    why: 'keeps its dead letters',
    actions: ['s3:PutObject'],
    resources: [`${names.bucketArnOf(names.deadLetters)}/dead-letters/${pipeline}/${name}/*`],
  };
}

/** Lambda writes discarded batches with the function's role, below a prefix of its own that has the mapping's id. */
function keepsDiscardedBatches(names: Names): readonly Statement[] {
  const bucket = names.bucketArnOf(names.deadLetters);
  return [
    { why: 'keeps discarded batches', actions: ['s3:PutObject'], resources: [`${bucket}/aws/lambda/*`] },
    { why: 'lets lambda see the bucket of discarded batches', actions: ['s3:ListBucket'], resources: [bucket] },
  ];
}

/**
 * The mapping receives and deletes with the function's role. The step sends back the announcement of an unfinished
 * file.
 */
function takesAnnouncements({ pipeline, name }: StepPlan, names: Names): Statement {
  return {
    why: 'takes and puts back announcements',
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:SendMessage'],
    resources: [names.arnOf('sqs', names.step(pipeline, name))],
  };
}
