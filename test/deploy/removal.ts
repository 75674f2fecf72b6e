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
import { startSigningProxy } from './signing-proxy.ts';
import { readingOf, sendReading } from './traffic.ts';

/** Checks that removing the stacks keeps every resource with data, and nothing that runs. */
export async function destroyKeepsData(cdk: Cdk, deployed: Deployed): Promise<readonly Check[]> {
  const { clients, names } = deployed;
  const before = await leftOf(deployed);
  const objects = async () => (await listObjects(clients.s3, names.lake, '')).length;
  const [kept, functions] = [await objects(), before.works.length];
  await cdk.destroy();
  const after = await leftOf(deployed);
  return [
    { what: 'there are resources to remove', expected: 'yes', found: functions > 0 && kept > 0 ? 'yes' : 'no' },
    {
      what: 'streams, tables and buckets that are kept',
      expected: before.data.join(', '),
      found: after.data.join(', '),
    },
    { what: 'files in the lake that are kept', expected: kept, found: await objects() },
    { what: 'functions, queues and mappings that are left', expected: '', found: after.works.join(', ') },
  ];
}

/** Deploys again over the kept resources, and checks that every step continues from its position. */
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
  // CloudFormation finds resources by itself when the template spells out their names. A bucket's name contains the
  // account.
  await cdk.import(names.platformStack, await identifiersOf(cdk, names));
  const outputs = await cdk.deploy({}, ['--import-existing-resources']);
  const functionUrl = outputs[names.pipelineStack('sensors')]?.UrlDevices ?? '';
  const devicesUrl = await startSigningProxy({ functionUrl, server }, running);
  await sendReading(devicesUrl, readingOf('returned', 0));
  if (server.endpoint !== undefined) await catchUpMappings(server, folder);
  await everythingDone(deployed);
  const { rows } = await database.query<{ sensor_id: string }>(
    "SELECT sensor_id FROM readings WHERE sensor_id = 'returned'",
  );
  return [
    { what: 'readings in Postgres that were sent since', expected: 1, found: rows.length },
    // One more reading is one file in the archive and one in the lake. A step that began anew would write all files.
    { what: 'files in the lake that were written since', expected: 2, found: (await files()) - before },
  ];
}

/** Checks that nothing is left after a removal with `removal=destroy`. */
export async function destroyLeavesNothing(cdk: Cdk, deployed: Deployed): Promise<readonly Check[]> {
  const { clients, names } = deployed;
  const context = { removal: 'destroy' };
  await cdk.deploy(context);
  for (const bucket of [names.landing, names.lake, names.deadLetters]) await emptyBucket(clients.s3, bucket);
  await cdk.destroy(context);
  const after = await leftOf(deployed);
  return [{ what: 'resources that are left', expected: '', found: [...after.data, ...after.works].join(', ') }];
}

/**
 * Deletes log groups. On MiniStack a function that ends after its stack creates its log group again; on AWS no role may
 * do that.
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

/** Returns the identifiers of the platform's kept resources, by logical id. */
async function identifiersOf(cdk: Cdk, names: Names): Promise<Record<string, Record<string, string>>> {
  const { Resources } = await cdk.template(names.platformStack);
  const found: Record<string, Record<string, string>> = {};
  for (const [id, { Type }] of Object.entries(Resources)) {
    if (Type === 'AWS::DynamoDB::Table') found[id] = { TableName: names.checkpoints };
    if (Type !== 'AWS::S3::Bucket') continue;
    const bucket = { DeadLetters: names.deadLetters, Landing: names.landing, Lake: names.lake };
    const [, BucketName] = Object.entries(bucket).find(([prefix]) => id.startsWith(prefix)) ?? [];
    if (BucketName === undefined) throw new Error(`the platform has a bucket '${id}' that this test does not list`);
    found[id] = { BucketName };
  }
  return found;
}
