import type { GetItemCommandInput, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { Names } from '../../infra/names.ts';
import { type AwsCommand, operationOf } from './service.ts';

/**
 * Names a call in a call site: `kinesis.PutRecords`. Where one operation has several purposes, the name ends with the
 * purpose: `dynamodb.UpdateItem lease`, `s3.PutObject dead letters`.
 */
export function callName(
  service: string,
  command: AwsCommand,
  { names, step }: { readonly names: Names; readonly step: string },
): string {
  const what = whatOf(service, command, names);
  const isOther =
    service === 'dynamodb' &&
    isCheckpoint(command, names) &&
    !(command.input as GetItemCommandInput).Key?.step?.S?.endsWith(`/${step}`);
  return `${service}.${operationOf(command)}${what === undefined ? '' : ` ${what}${isOther ? ' of another step' : ''}`}`;
}

function whatOf(service: string, { input }: AwsCommand, names: Names): string | undefined {
  if (service === 'dynamodb')
    return isCheckpoint({ input }, names) ? itemOf(input as GetItemCommandInput & UpdateItemCommandInput) : 'items';
  if (service === 's3') return bucketOf(input as { readonly Bucket?: string }, names);
  return undefined;
}

/** The other tables are those that sinks write. */
function isCheckpoint({ input }: AwsCommand, { checkpoints }: Names): boolean {
  return (input as GetItemCommandInput).TableName === checkpoints;
}

function bucketOf({ Bucket }: { readonly Bucket?: string }, { lake, landing, deadLetters }: Names): string | undefined {
  return { [lake]: 'lake', [landing]: 'landing', [deadLetters]: 'dead letters' }[Bucket ?? ''];
}

function itemOf({
  Key,
  UpdateExpression = '',
  ExpressionAttributeValues,
}: GetItemCommandInput & UpdateItemCommandInput) {
  const key = Key?.key?.S ?? '';
  if (UpdateExpression.includes('leasedUntil')) return UpdateExpression.startsWith('SET') ? 'lease' : 'release';
  if (!/^[\w-]{12}\/shardId-\d+$/.test(key)) return key.split('/')[0]?.replace(/-\d+$/, '');
  const { i: intent } = JSON.parse(ExpressionAttributeValues?.[':state']?.S ?? '{}') as { readonly i?: unknown };
  return intent === undefined ? 'shard' : 'intent';
}
