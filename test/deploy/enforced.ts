import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribeStreamSummaryCommand, KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import type { Check } from '../../infra/local/demo/checks.ts';
import { clientOptions } from './caller.ts';
import { openCdk } from './cdk.ts';
import { type Change, changedCopy } from './changed-copy.ts';
import { startDatabase } from './database.ts';
import { type Deployed, openDeployed } from './deployed.ts';
import { openIdentity } from './identity.ts';
import { followMappings } from './mappings.ts';
import { realData } from './real-data.ts';
import { openMiniStack, type Server } from './server.ts';
import { openSignedDoor } from './signed-door.ts';

/** A stage on a server where every call is checked against the policies of who makes it. */
export interface Enforced {
  readonly server: Server;
  readonly deployed: Deployed;
  /** Of the source that devices post to. */
  readonly functionUrl: string;
}

/**
 * MiniStack keeps the role that the CDK publishes files with from its bucket, so whoever calls deploys; and it has no
 * TLS, without which buckets and queues deny everything. What it asks a log's policy for has no `:*` at its end, which
 * AWS wants there.
 */
const CHANGES: readonly Change[] = [
  {
    file: 'infra/app.ts',
    from: "import { App } from 'aws-cdk-lib'",
    to: "import { App, CliCredentialsStackSynthesizer } from 'aws-cdk-lib'",
  },
  {
    file: 'infra/app.ts',
    from: 'new App({',
    to: 'new App({ defaultStackSynthesizer: new CliCredentialsStackSynthesizer(),',
  },
  { file: 'infra/constructs/data-bucket.ts', from: 'enforceSSL: true', to: 'enforceSSL: false' },
  { file: 'infra/constructs/data-bucket.ts', from: '      minimumTLSVersion: 1.2,\n', to: '' },
  { file: 'infra/constructs/step-statements.ts', from: ':*`)]', to: '`)]' },
  { file: 'infra/constructs/given-up.ts', from: ':*`)]', to: '`)]' },
  { file: 'infra/constructs/queue-function.ts', from: 'enforceSSL: true', to: 'enforceSSL: false' },
];

/** A second server, with a database of its own, and the stage deployed there. */
export async function deployEnforced(
  { stage, folder }: { readonly stage: string; readonly folder: string },
  running: AsyncDisposableStack,
): Promise<Enforced> {
  await mkdir(folder);
  const server = await openMiniStack({ log: join(folder, 'server.log'), env: { AUTH: 'true' } }, running);
  const database = await startDatabase(stage, server, running);
  const repository = await changedCopy(join(folder, 'changed'), CHANGES);
  const context = { stage, database: database.context };
  const cdk = openCdk({ repository, context, env: server.env, folder });
  const account = await cdk.bootstrap();
  const outputs = await cdk.deploy();
  const deployed = openDeployed(stage, { ...server, account }, database.client);
  running.defer(() => deployed[Symbol.dispose]());
  return { server, deployed, functionUrl: outputs[deployed.names.pipelineStack('sensors')]?.UrlDevices ?? '' };
}

/** What a server without enforcement has taken, taken by functions that may do no more than their roles say. */
export async function realDataEnforced(place: {
  readonly stage: string;
  readonly folder: string;
}): Promise<readonly Check[]> {
  await using running = new AsyncDisposableStack();
  const { server, deployed, functionUrl } = await deployEnforced(place, running);
  await followMappings(server, place.folder, running);
  const door = await openSignedDoor({ functionUrl, server }, running);
  return [...(await enforcement(server, deployed)), ...(await realData(deployed, door))];
}

/** A server that lets everybody do everything would prove nothing. */
async function enforcement(server: Server, { clients, names }: Deployed): Promise<readonly Check[]> {
  const cleaning = new GetFunctionConfigurationCommand({ FunctionName: names.step('sensors', 'cleaning') });
  const { Role = '' } = await clients.lambda.send(cleaning);
  const credentials = await openIdentity(server).assume(Role);
  const kinesis = new KinesisClient(clientOptions({ ...server, credentials }));
  const input = { StreamName: names.stream('sensors', 'raw') };
  const put = new PutRecordCommand({ ...input, PartitionKey: 'k', Data: Buffer.from('{}') });
  const found = {
    described: await outcomeOf(kinesis.send(new DescribeStreamSummaryCommand(input))),
    put: await outcomeOf(kinesis.send(put)),
  };
  kinesis.destroy();
  return [
    { what: "the role of 'cleaning' describes its input", expected: 'done', found: found.described },
    { what: "the role of 'cleaning' appends to its input", expected: 'AccessDeniedException', found: found.put },
  ];
}

/** `done`, or the name of what it failed with. */
function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    (error: Error) => error.name,
  );
}
