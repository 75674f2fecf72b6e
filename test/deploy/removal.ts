import { logGroupOf } from '../../infra/constructs/step-statements.ts';
import type { Check } from '../../infra/local/demo/checks.ts';
import { listObjects } from '../../infra/local/demo/lake.ts';
import type { Names } from '../../infra/names.ts';
import type { Cdk } from './cdk.ts';
import type { Deployed } from './deployed.ts';
import { emptyBucket, leftOf } from './left.ts';
import { catchUpMappings } from './mappings.ts';
import type { Server } from './server.ts';
import { everythingDone } from './settle.ts';
import { callJson } from './signed-call.ts';
import { openSignedDoor } from './signed-door.ts';
import { readingOf, sendReading } from './traffic.ts';

/** Removing the stacks leaves what holds data, and nothing that does something. */
export async function destroyKeepsData(cdk: Cdk, deployed: Deployed): Promise<readonly Check[]> {
  const { clients, names } = deployed;
  const before = await leftOf(deployed);
  const objects = async () => (await listObjects(clients.s3, names.lake, '')).length;
  const [kept, functions] = [await objects(), before.works.length];
  await cdk.destroy();
  const after = await leftOf(deployed);
  return [
    { what: 'there was something to remove', expected: 'yes', found: functions > 0 && kept > 0 ? 'yes' : 'no' },
    {
      what: 'streams, tables and buckets that are kept',
      expected: before.data.join(', '),
      found: after.data.join(', '),
    },
    { what: 'files in the lake that are kept', expected: kept, found: await objects() },
    { what: 'functions, queues and mappings that are left', expected: '', found: after.works.join(', ') },
  ];
}

/** Deployed again over what was kept, everything goes on from where it stood. */
export async function deployAgain(
  cdk: Cdk,
  deployed: Deployed,
  {
    server,
    folder,
    running,
  }: { readonly server: Server; readonly folder: string; readonly running: AsyncDisposableStack },
): Promise<readonly Check[]> {
  const { clients, names, database } = deployed;
  const files = async () => (await listObjects(clients.s3, names.lake, '')).length;
  const before = await files();
  await removeLogs(names, server);
  // CloudFormation finds by itself what has a name that its template spells out: that of a bucket has the account in
  // it.
  await cdk.import(names.platformStack, await identifiersOf(cdk, names));
  const outputs = await cdk.deploy({}, ['--import-existing-resources']);
  const functionUrl = outputs[names.pipelineStack('sensors')]?.UrlDevices ?? '';
  const door = await openSignedDoor({ functionUrl, server }, running);
  await sendReading(door, readingOf('returned', 0));
  if (server.endpoint !== undefined) await catchUpMappings(server, folder);
  await everythingDone(deployed);
  const { rows } = await database.query<{ sensor_id: string }>(
    "SELECT sensor_id FROM readings WHERE sensor_id = 'returned'",
  );
  return [
    { what: 'readings in Postgres that were sent since', expected: 1, found: rows.length },
    // A reading more is a file in the archive and one in the lake: whatever began anew would write all files again.
    { what: 'files in the lake that were written since', expected: 2, found: (await files()) - before },
  ];
}

/** Removed with `removal=destroy`, nothing is left. */
export async function destroyLeavesNothing(cdk: Cdk, deployed: Deployed): Promise<readonly Check[]> {
  const { clients, names } = deployed;
  const context = { removal: 'destroy' };
  await cdk.deploy(context);
  for (const bucket of [names.landing, names.lake, names.deadLetters]) await emptyBucket(clients.s3, bucket);
  await cdk.destroy(context);
  const after = await leftOf(deployed);
  return [{ what: 'left of all', expected: '', found: [...after.data, ...after.works].join(', ') }];
}

/**
 * A function that ends after its stack writes a log again on MiniStack; on AWS it may not: no role creates a log group.
 */
async function removeLogs(names: Names, server: Server): Promise<void> {
  const { said } = await callJson(
    'logs:DescribeLogGroups',
    { logGroupNamePrefix: logGroupOf(names.platformStack) },
    server,
  );
  const { logGroups = [] } = JSON.parse(said) as { logGroups?: readonly { readonly logGroupName: string }[] };
  for (const { logGroupName } of logGroups) await callJson('logs:DeleteLogGroup', { logGroupName }, server);
}

/** Of the platform's resources that were kept, by their logical ids. */
async function identifiersOf(cdk: Cdk, names: Names): Promise<Record<string, Record<string, string>>> {
  const { Resources } = await cdk.template(names.platformStack);
  const found: Record<string, Record<string, string>> = {};
  for (const [id, { Type }] of Object.entries(Resources)) {
    if (Type === 'AWS::DynamoDB::Table') found[id] = { TableName: names.checkpoints };
    if (Type !== 'AWS::S3::Bucket') continue;
    const bucket = { DeadLetters: names.deadLetters, Landing: names.landing, Lake: names.lake };
    const [, BucketName] = Object.entries(bucket).find(([prefix]) => id.startsWith(prefix)) ?? [];
    if (BucketName === undefined) throw new Error(`the platform has a bucket '${id}' that this test does not know`);
    found[id] = { BucketName };
  }
  return found;
}
