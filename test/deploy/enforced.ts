import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribeStreamSummaryCommand, KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import type { Check } from '../../infra/local/demo/checks.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import { clientOptions } from './caller.ts';
import { openCdk } from './cdk.ts';
import { type Addition, type Change, changedCopy } from './changed-copy.ts';
import { startDatabase } from './database.ts';
import { type Deployed, openDeployed } from './deployed.ts';
import { fedPipelines } from './fed-pipelines.ts';
import { openIdentity } from './identity.ts';
import { kiosk } from './kiosk.ts';
import { followMappings } from './mappings.ts';
import { realData } from './real-data.ts';
import { openMiniStack, type Server } from './server.ts';
import { startSigningProxy } from './signing-proxy.ts';
import { tablesAndJoins } from './tables-and-joins.ts';

/** A stage on a server that checks every call against the policies of its caller. */
export interface Enforced {
  readonly server: Server;
  readonly deployed: Deployed;
  /** The changed copy of this repository that was deployed. */
  readonly repository: string;
  /** The URL of the source that devices post to. */
  readonly functionUrl: string;
}

/**
 * Changes that MiniStack needs. It denies the CDK's publishing role its bucket, so the caller's own credentials deploy.
 * It has no TLS, without which our buckets and queues deny everything. It checks a log's policy against an ARN without
 * the `:*` that AWS requires.
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
  { file: 'infra/constructs/queue-function.ts', from: 'enforceSSL: true', to: 'enforceSSL: false' },
  { file: 'infra/constructs/on-failure-documents.ts', from: 'enforceSSL: true', to: 'enforceSSL: false' },
];

/** What a deployment has beside the pipelines that the suite always feeds. */
interface More {
  readonly pipelines: readonly Pipeline[];
  readonly additions: readonly Addition[];
  readonly changes: readonly Change[];
}

/** The tables and joins. Sales of the last two hours are on time, so that a test has several windows. */
const KIOSK: More = {
  pipelines: [kiosk],
  additions: [{ file: 'test/deploy/kiosk.ts', as: 'infra/pipelines/kiosk.ts' }],
  changes: [
    {
      file: 'infra/pipelines/all.ts',
      from: "import { orders } from './orders.ts';",
      to: "import { kiosk } from './kiosk.ts';\nimport { orders } from './orders.ts';",
    },
    { file: 'infra/pipelines/all.ts', from: 'readonly Pipeline[] = [', to: 'readonly Pipeline[] = [kiosk, ' },
    { file: 'functions/tables/sales-by-quarter.sql', from: 'GRACE PERIOD 5 MINUTES', to: 'GRACE PERIOD 2 HOURS' },
  ],
};

const NOTHING_MORE: More = { pipelines: [], additions: [], changes: [] };

/** Starts a second server and database, and deploys the stage there. */
export async function deployEnforced(
  { stage, folder, more = NOTHING_MORE }: { readonly stage: string; readonly folder: string; readonly more?: More },
  running: AsyncDisposableStack,
): Promise<Enforced> {
  await mkdir(folder);
  const server = await openMiniStack({ log: join(folder, 'server.log'), env: { AUTH: 'true' } }, running);
  const database = await startDatabase(stage, server, running);
  const pipelines = [...fedPipelines, ...more.pipelines];
  const repository = await changedCopy(join(folder, 'changed'), [...CHANGES, ...more.changes], more.additions);
  const names = pipelines.map(({ name }) => name).join(',');
  const context = { stage, database: database.context, pipelines: names, native: 'here' };
  const cdk = openCdk({ repository, context, env: server.env, folder });
  const account = await cdk.bootstrap();
  const outputs = await cdk.deploy();
  const deployed = openDeployed(stage, { ...server, account, pipelines }, database.client);
  running.defer(() => deployed[Symbol.dispose]());
  const functionUrl = outputs[deployed.names.pipelineStack('sensors')]?.UrlDevices ?? '';
  return { server, deployed, repository, functionUrl };
}

/**
 * Repeats the run with real data on a server where functions may do only what their roles allow, and feeds tables and
 * joins there.
 */
export async function realDataEnforced({
  stage,
  folder,
}: {
  readonly stage: string;
  readonly folder: string;
}): Promise<readonly Check[]> {
  await using running = new AsyncDisposableStack();
  const { server, deployed, repository, functionUrl } = await deployEnforced({ stage, folder, more: KIOSK }, running);
  await followMappings(server, folder, running);
  const devicesUrl = await startSigningProxy({ functionUrl, server }, running);
  return [
    ...(await enforcement(server, deployed)),
    ...(await realData(deployed, devicesUrl)),
    ...(await tablesAndJoins(deployed, { server, folder, repository })),
  ];
}

/** Checks that the server denies a call: a server that allows everything would prove nothing. */
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

/** Resolves to `done`, or to the name of the error. */
function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    (error: Error) => error.name,
  );
}
