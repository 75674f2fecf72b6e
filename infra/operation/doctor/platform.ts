import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { GetBucketNotificationConfigurationCommand, HeadBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { ON_FAILURE_PREFIX } from '../../../functions/runtime/on-failure/missed.ts';
import { givenUpMappingSettings } from '../../delivery.ts';
import { differences, type Finding, type Look, look } from './finding.ts';
import { examineMapping, inApi, type Settings } from './mappings.ts';
import { deployCommand, type ExaminedStage } from './stage.ts';

/**
 * Looks at what the pipelines of a stage share: the checkpoint table, the buckets, and the functions of the platform.
 */
export async function examinePlatform(stage: ExaminedStage, nowMillis: number): Promise<readonly Finding[]> {
  const { names } = stage.target;
  const announced = [names.deadLetters, names.landing];
  return [
    await look(checkpointTable(stage)),
    await look(platformFunction(names.givenUp, stage)),
    await queryFunction(stage),
    await examineMapping({ of: names.givenUp, FunctionName: names.givenUp }, givenUpMapping(stage), stage),
    ...(await Promise.all([names.deadLetters, names.landing, names.lake].map((name) => look(bucket(name, stage))))),
    ...(await Promise.all(announced.map((name) => look(announcements(name, stage))))),
    await look(waitingDocuments(stage, nowMillis)),
  ];
}

function checkpointTable(stage: ExaminedStage): Look<{ Table?: { TableStatus?: string | undefined } | undefined }> {
  const { names, clients } = stage.target;
  const { checkpoints: TableName } = names;
  return {
    of: TableName,
    what: 'table',
    right: ['dynamodb:DescribeTable', names.arnOf('dynamodb', `table/${TableName}`)],
    read: () => clients.dynamodb.send(new DescribeTableCommand({ TableName }), { abortSignal: stage.signal }),
    judge: ({ Table }) =>
      Table?.TableStatus === 'ACTIVE'
        ? { ok: 'active' }
        : { wrong: `its status is ${Table?.TableStatus}`, fix: 'wait until it is ACTIVE' },
    ifMissing: deployCommand(stage),
  };
}

function platformFunction(FunctionName: string, stage: ExaminedStage): Look<{ State?: string | undefined }> {
  const { names } = stage.target;
  const command = new GetFunctionConfigurationCommand({ FunctionName });
  return {
    of: FunctionName,
    what: 'function',
    right: ['lambda:GetFunctionConfiguration', names.arnOf('lambda', `function:${FunctionName}`)],
    read: () => stage.lambda.send(command, { abortSignal: stage.signal }),
    judge({ State }) {
      const wrong = differences({ State: 'Active' }, { State });
      return wrong === undefined ? { ok: 'active' } : { wrong, fix: deployCommand(stage) };
    },
    ifMissing: deployCommand(stage),
  };
}

/** A stage whose database was given without a `reader` does not have this function: that is no fault. */
async function queryFunction(stage: ExaminedStage): Promise<Finding> {
  const { databaseQuery } = stage.target.names;
  const finding = await look(platformFunction(databaseQuery, stage));
  if (finding.found !== 'is missing') return finding;
  return {
    ...finding,
    state: 'absent',
    found: 'is missing: millrace query, and what status says of tables, do not work',
    fix: `${deployCommand(stage)}; a database that is given with -c database needs a 'reader' (docs/tables.md#ask-a-table)`,
  };
}

function givenUpMapping({ target: { names } }: ExaminedStage): Settings {
  return { EventSourceArn: names.arnOf('sqs', names.givenUp), ...inApi(givenUpMappingSettings()) };
}

function bucket(Bucket: string, stage: ExaminedStage): Look<unknown> {
  const { names, clients } = stage.target;
  return {
    of: Bucket,
    what: 'bucket',
    right: ['s3:ListBucket', names.bucketArnOf(Bucket)],
    read: () => clients.s3.send(new HeadBucketCommand({ Bucket }), { abortSignal: stage.signal }),
    judge: () => ({ ok: 'is there' }),
    ifMissing: deployCommand(stage),
  };
}

/**
 * Without this setting no file that lands is read, and no record that Lambda discarded becomes a dead letter at once.
 */
function announcements(Bucket: string, stage: ExaminedStage): Look<{ EventBridgeConfiguration?: object | undefined }> {
  const { names, clients } = stage.target;
  const command = new GetBucketNotificationConfigurationCommand({ Bucket });
  return {
    of: Bucket,
    what: 'announcements',
    right: ['s3:GetBucketNotification', names.bucketArnOf(Bucket)],
    read: () => clients.s3.send(command, { abortSignal: stage.signal }),
    judge: ({ EventBridgeConfiguration }) =>
      EventBridgeConfiguration === undefined
        ? { wrong: 'it announces no new object to EventBridge', fix: deployCommand(stage) }
        : { ok: 'it announces new objects to EventBridge' },
    ifMissing: deployCommand(stage),
  };
}

/** The platform's function looks for documents once an hour. */
const LONGEST_WAIT_HOURS = 3;

function waitingDocuments(
  stage: ExaminedStage,
  nowMillis: number,
): Look<{ Contents?: { LastModified?: Date | undefined }[] | undefined }> {
  const { names, clients } = stage.target;
  const { deadLetters: Bucket } = names;
  const command = new ListObjectsV2Command({ Bucket, Prefix: ON_FAILURE_PREFIX });
  const latest = nowMillis - LONGEST_WAIT_HOURS * 3_600_000;
  return {
    of: Bucket,
    what: 'discarded records',
    right: ['s3:ListBucket', names.bucketArnOf(Bucket)],
    read: () => clients.s3.send(command, { abortSignal: stage.signal }),
    judge({ Contents = [] }) {
      const old = Contents.filter(({ LastModified }) => (LastModified?.getTime() ?? nowMillis) < latest).length;
      if (old === 0) return { ok: 'none waits to become a dead letter' };
      const wrong = `${old} documents of Lambda are older than ${LONGEST_WAIT_HOURS} hours and no dead letters yet`;
      return { wrong, fix: 'see docs/runbook.md#given-up' };
    },
    ifMissing: deployCommand(stage),
  };
}
