import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { openCdk } from './cdk.ts';
import { changeInTraffic } from './change.ts';
import type { Running } from './command.ts';
import { startDatabase } from './database.ts';
import { openDeployed } from './deployed.ts';
import { followMappings, givenBack } from './mappings.ts';
import { poison } from './poison.ts';
import { realData } from './real-data.ts';
import { replacementsRefused } from './refused.ts';
import { deployAgain, destroyKeepsData, destroyLeavesNothing } from './removal.ts';
import { openResults, type Results } from './results.ts';
import { openServer } from './server.ts';
import { openSignedDoor } from './signed-door.ts';

const say = (line: string): void => console.log(line);

/** `npm run test:deploy`: what users do with `cdk deploy`, done with the commands they do it with, on a server that stands for AWS. */
async function main(results: Results, running: AsyncDisposableStack): Promise<void> {
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
}

const results = openResults(say);
const running = new AsyncDisposableStack();
let isInterrupted = false;
process.on('SIGINT', () => {
  if (isInterrupted) process.exit(130);
  isInterrupted = true;
  void running.disposeAsync().finally(() => process.exit(130));
});
try {
  await main(results, running);
} catch (error) {
  if (!(error instanceof UserMistake)) throw error;
  console.error(error.message);
  process.exitCode = 2;
} finally {
  if (!isInterrupted) await running.disposeAsync();
}
if (process.exitCode === undefined) {
  say(`\n${results.passed} passed, ${results.failed} failed`);
  process.exitCode = results.failed === 0 && results.passed > 0 ? 0 : 1;
}
process.exit();
