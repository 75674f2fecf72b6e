import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY } from '../../infra/repository.ts';
import { openCdk } from './cdk.ts';
import { changeInTraffic } from './change.ts';
import type { Running } from './command.ts';
import { startDatabase } from './database.ts';
import { openDeployed } from './deployed.ts';
import { realDataEnforced } from './enforced.ts';
import { followMappings, givenBack } from './mappings.ts';
import { poison } from './poison.ts';
import { realData } from './real-data.ts';
import { replacementsRefused } from './refused.ts';
import { deployAgain, destroyKeepsData, destroyLeavesNothing } from './removal.ts';
import type { Results } from './results.ts';
import { openServer } from './server.ts';
import { openSignedDoor } from './signed-door.ts';

/** What users do with `cdk deploy`, done with the commands they do it with, on a server that stands for AWS. */
export async function runSuite(
  results: Results,
  running: AsyncDisposableStack,
  say: (line: string) => void,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-deploy-'));
  running.defer(async () => {
    if (results.failed === 0) await rm(folder, { recursive: true });
    else say(`What the commands and the server said: ${folder}`);
  });
  const server = await openServer(join(folder, 'server.log'), running);
  const stage = `t${Date.now().toString(36)}`;
  const database = await startDatabase(stage, server, running);
  const context = { stage, database: database.context };
  const options = { repository: REPOSITORY, context, env: server.env, folder };
  const cdk = openCdk(options);
  say(`Stage ${stage} on ${server.what}\n`);

  let account = '';
  await results.step('cdk bootstrap', async () => {
    account = await cdk.bootstrap();
    return [];
  });
  let functionUrl = '';
  await results.step('cdk deploy --all', async () => {
    const outputs = await cdk.deploy();
    functionUrl = outputs[`millrace-${stage}-sensors`]?.UrlDevices ?? '';
    return [{ what: 'stacks with outputs', expected: 1, found: Object.keys(outputs).length }];
  });
  using deployed = openDeployed(stage, { ...server, account }, database.client);
  let door = '';
  let mappings: Running | undefined;
  await results.step('millrace mappings --follow', async () => {
    mappings = await followMappings(server, folder, running);
    door = await openSignedDoor({ functionUrl, server }, running);
    return [];
  });
  await results.step('superstore.csv lands, weather.csv is sent', () => realData(deployed, door));
  await results.step('cdk deploy of changed code and options, in the middle of traffic', () =>
    changeInTraffic(options, { deployed, door }),
  );
  await results.step('bad records among good ones', () => poison(deployed));
  await results.step('cdk deploy of what would replace a stream', () => replacementsRefused(options));
  await results.step('Ctrl-C gives the mappings back', () => givenBack(mappings, deployed));
  await results.step('cdk destroy', () => destroyKeepsData(cdk, deployed));
  await results.step('cdk import, and cdk deploy --import-existing-resources', () =>
    deployAgain(cdk, deployed, { server, folder, running }),
  );
  await results.step('cdk destroy with removal=destroy', () => destroyLeavesNothing(cdk, deployed));
  await results.step('cdk deploy where every call is checked, and the same data', () =>
    realDataEnforced({ stage, folder: join(folder, 'enforced') }),
  );
}
