import { join } from 'node:path';
import type { Check } from '../../infra/local/demo/checks.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { whyNoImport } from './abilities.ts';
import { askDeployed, readerOf } from './ask.ts';
import { type Cdk, openCdk } from './cdk.ts';
import { changeInFullFlight, changeWhilePaused } from './change.ts';
import type { Running } from './command.ts';
import { compareDeployed } from './compare.ts';
import { openDatabase } from './database.ts';
import { openDeployed } from './deployed.ts';
import { doctorFindsNothing } from './doctor.ts';
import { realDataEnforced } from './enforced.ts';
import { killer } from './killer.ts';
import { followMappings, givenBack } from './mappings.ts';
import { poison } from './poison.ts';
import { realData } from './real-data.ts';
import { replacementsRefused } from './refused.ts';
import { deployAgain, destroyKeepsData, destroyLeavesNothing } from './removal.ts';
import type { Results } from './results.ts';
import { openServer } from './server.ts';
import { startSigningProxy } from './signing-proxy.ts';

interface Settings {
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly account: string | undefined;
  readonly database: string | undefined;
}

/** Does what users do with `cdk deploy`, with their own commands, on a server that stands for AWS or on AWS. */
export async function runSuite(
  results: Results,
  running: AsyncDisposableStack,
  { folder, say, account: named, database: given }: Settings,
): Promise<void> {
  const server = await openServer({ log: join(folder, 'server.log'), account: named }, running);
  const isAws = server.endpoint === undefined;
  const noImport = isAws ? undefined : await whyNoImport(server);
  const stage = `t${Date.now().toString(36)}`;
  const database = await openDatabase({ stage, server, given }, running);
  // A server here runs the functions on this machine.
  const context = { stage, database: database.context, ...(isAws ? {} : { native: 'here' }) };
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
  await results.step('millrace doctor', () => doctorFindsNothing(deployed, { server, folder }));
  let devicesUrl = '';
  let mappings: Running | undefined;
  await results.step(isAws ? 'the function URL' : 'millrace mappings --follow', async () => {
    // On AWS Lambda runs the mappings itself.
    if (!isAws) mappings = await followMappings(server, folder, running);
    devicesUrl = await startSigningProxy({ functionUrl, server }, running);
    return [];
  });
  await results.step('superstore.csv is landed, weather.csv is sent', () => realData(deployed, devicesUrl));
  if (readerOf(database.context) === undefined) results.skip('millrace query', 'the database names no reader');
  else await results.step('millrace query', () => askDeployed(deployed, { server, folder, context: database.context }));
  await results.step('millrace compare', () => compareDeployed(deployed, { server, folder }));
  await results.step('cdk deploy of changed code and options, during traffic', () =>
    changeInFullFlight(options, { deployed, devicesUrl, server }),
  );
  await results.step('millrace pause, cdk deploy of changed code, millrace resume, during traffic', () =>
    changeWhilePaused(options, { deployed, devicesUrl, server }),
  );
  await results.step('bad records among good ones', () => poison(deployed));
  await results.step('a line that kills the function', () => killer(deployed));
  await results.step('cdk deploy of changes that would replace a stream', () => replacementsRefused(options));
  if (!isAws) await results.step('Ctrl-C enables the mappings again', () => givenBack(mappings, deployed));
  await results.step('cdk destroy', () => destroyKeepsData(cdk, deployed));
  const importing = 'cdk import, then cdk deploy --import-existing-resources';
  const destroying = 'cdk destroy with removal=destroy';
  if (noImport === undefined) {
    await results.step(importing, () => deployAgain(cdk, deployed, { server, folder, running }));
    await results.step(destroying, () => destroyLeavesNothing(cdk, deployed));
  } else {
    results.skip(importing, `this server cannot import resources into a stack: ${noImport}`);
    results.skip(destroying, 'it deploys over what was kept, which takes an import');
  }
  // On AWS every call has been checked already.
  if (isAws) return;
  await results.step('cdk deploy where every call is checked, then the same data', () =>
    realDataEnforced({ stage, folder: join(folder, 'enforced') }),
  );
}

async function notBootstrapped(cdk: Cdk): Promise<readonly Check[]> {
  const { code, said } = await cdk.tryDeploy();
  return [
    { what: 'it is refused', expected: 'yes', found: code === 0 ? 'no' : 'yes' },
    {
      what: 'the command that fixes it',
      expected: 'printed',
      found: /cdk bootstrap/.test(said) ? 'printed' : said.slice(-300),
    },
  ];
}
