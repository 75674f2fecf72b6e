import { join } from 'node:path';
import type { Check } from '../../infra/local/demo/checks.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { type Cdk, openCdk } from './cdk.ts';
import { changeInFullFlight, changeWhilePaused } from './change.ts';
import type { Running } from './command.ts';
import { openDatabase } from './database.ts';
import { openDeployed } from './deployed.ts';
import { realDataEnforced } from './enforced.ts';
import { killer } from './killer.ts';
import { followMappings, givenBack } from './mappings.ts';
import { poison } from './poison.ts';
import { realData } from './real-data.ts';
import { replacementsRefused } from './refused.ts';
import { deployAgain, destroyKeepsData, destroyLeavesNothing } from './removal.ts';
import type { Results } from './results.ts';
import { openServer } from './server.ts';
import { openSignedDoor } from './signed-door.ts';

interface Settings {
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly account: string | undefined;
  readonly database: string | undefined;
}

/** What users do with `cdk deploy`, done with the commands they do it with, on a server that stands for AWS. */
export async function runSuite(
  results: Results,
  running: AsyncDisposableStack,
  { folder, say, account: named, database: given }: Settings,
): Promise<void> {
  const server = await openServer({ log: join(folder, 'server.log'), account: named }, running);
  const isAws = server.endpoint === undefined;
  const stage = `t${Date.now().toString(36)}`;
  const database = await openDatabase({ stage, server, given }, running);
  const context = { stage, database: database.context };
  const options = { repository: REPOSITORY, context, env: server.env, folder };
  const cdk = openCdk(options);
  say(`Stage ${stage} on ${server.what}\n`);

  if (server.isNew) await results.step('cdk deploy before cdk bootstrap', () => notBootstrapped(cdk));
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
  await results.step(isAws ? 'the function URL' : 'millrace mappings --follow', async () => {
    // Lambda does its own.
    if (!isAws) mappings = await followMappings(server, folder, running);
    door = await openSignedDoor({ functionUrl, server }, running);
    return [];
  });
  await results.step('superstore.csv lands, weather.csv is sent', () => realData(deployed, door));
  await results.step('cdk deploy of changed code and options, in the middle of traffic', () =>
    changeInFullFlight(options, { deployed, door, server }),
  );
  await results.step('millrace pause, cdk deploy of changed code, millrace resume, in the middle of traffic', () =>
    changeWhilePaused(options, { deployed, door, server }),
  );
  await results.step('bad records among good ones', () => poison(deployed));
  await results.step('a line that kills its function', () => killer(deployed));
  await results.step('cdk deploy of what would replace a stream', () => replacementsRefused(options));
  if (!isAws) await results.step('Ctrl-C gives the mappings back', () => givenBack(mappings, deployed));
  await results.step('cdk destroy', () => destroyKeepsData(cdk, deployed));
  await results.step('cdk import, and cdk deploy --import-existing-resources', () =>
    deployAgain(cdk, deployed, { server, folder, running }),
  );
  await results.step('cdk destroy with removal=destroy', () => destroyLeavesNothing(cdk, deployed));
  // AWS has checked every call so far.
  if (isAws) return;
  await results.step('cdk deploy where every call is checked, and the same data', () =>
    realDataEnforced({ stage, folder: join(folder, 'enforced') }),
  );
}

async function notBootstrapped(cdk: Cdk): Promise<readonly Check[]> {
  const { code, said } = await cdk.tryDeploy();
  return [
    { what: 'it is refused', expected: 'yes', found: code === 0 ? 'no' : 'yes' },
    {
      what: 'the command that mends it',
      expected: 'said',
      found: /cdk bootstrap/.test(said) ? 'said' : said.slice(-300),
    },
  ];
}
