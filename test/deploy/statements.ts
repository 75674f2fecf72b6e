import { join } from 'node:path';
import { isScheduled } from '../../infra/local/runner.ts';
import type { StepPlan } from '../../infra/pipelines/plan.ts';
import type { Caller } from './caller.ts';
import { invokeCold, roleOf, switchMappingsOff, switchRulesOff } from './cold-invocation.ts';
import type { Deployed } from './deployed.ts';
import { deployEnforced, type Enforced } from './enforced.ts';
import { type Identity, openIdentity, type PolicyOf } from './identity.ts';
import { eachLess } from './less-policy.ts';
import { followMappings } from './mappings.ts';
import { onFailurePaths } from './on-failure-paths.ts';
import { realData } from './real-data.ts';
import type { Results } from './results.ts';
import { startSigningProxy } from './signing-proxy.ts';
import {
  announcementsPathOf,
  isDenied,
  lambdaPathsOf,
  logPathOf,
  readsAnyCheckpoint,
  schedulerPathsOf,
} from './statement-callers.ts';
import { type Path, pathsOf, unless } from './statement-paths.ts';

/** A role, and everything that is done with it. */
interface Actor {
  /** For example `orders/lake` or `orders/lake (schedule)`. */
  readonly name: string;
  readonly role: string;
  readonly paths: readonly Path[];
  /** True when the server does not check which checkpoints a policy allows. */
  readonly ignoresKeys: boolean;
}

/**
 * Removes each action of each statement from its role in turn, and does everything that is done with the role.
 * Something has to fail because it was denied. When nothing fails, the action is not needed or a path is missing here.
 * Prints a table at the end.
 */
export async function runStatements(
  results: Results,
  running: AsyncDisposableStack,
  { folder, say }: { readonly folder: string; readonly say: (line: string) => void },
): Promise<void> {
  let target: Enforced | undefined;
  await results.step('cdk deploy where every call is checked, then data', async () => {
    target = await deployEnforced({ stage: 'statements', folder: join(folder, 'enforced') }, running);
    return fill(target, join(folder, 'enforced'), running);
  });
  if (target === undefined) return;
  const { deployed, server } = target;
  const identity = openIdentity(server);
  const rows: Row[] = [];
  const given = { identity, server, deployed };
  const actors = (await Promise.all(deployed.steps.map((step) => actorsOf(step, given)))).flat();
  for (const actor of [...actors, await onFailureActor(given), await queryActor(given)]) {
    await results.step(actor.name, async () => {
      const found = await withoutEach(actor, identity);
      rows.push(...found.rows);
      return [
        ...found.atFirst.map((said) => ({ what: 'with all of its statements', expected: 'done', found: said })),
        ...found.rows.map(({ action, failed }) => ({
          what: `without ${action}`,
          expected: 'denied',
          found: failed === undefined ? 'nothing fails' : isDenied(failed.said) ? 'denied' : failed.said,
        })),
      ];
    });
  }
  say(`\n${table(rows)}`);
}

/** Sends data through every stream, then disables mappings and rules so that only the suite invokes functions. */
async function fill({ server, deployed, functionUrl }: Enforced, folder: string, running: AsyncDisposableStack) {
  const devicesUrl = await startSigningProxy({ functionUrl, server }, running);
  const mappings = await followMappings(server, folder, running);
  const checks = await realData(deployed, devicesUrl);
  await mappings.interrupt();
  await switchMappingsOff(deployed);
  await switchRulesOff(server, deployed);
  return checks;
}

interface Target {
  readonly identity: Identity;
  readonly server: Caller;
  readonly deployed: Deployed;
}

async function actorsOf(step: StepPlan, { identity, server, deployed }: Target): Promise<readonly Actor[]> {
  const name = `${step.pipeline}/${step.name}`;
  const session = sessionsOf({ identity, server });
  const arn = await roleOf(deployed.names.step(step.pipeline, step.name), deployed);
  const own = await pathsOf(step, deployed);
  const caller = await session(arn);
  const paths = [...own, ...lambdaPathsOf(step, caller, deployed)];
  const actor = { name, role: nameIn(arn), paths, ignoresKeys: await readsAnyCheckpoint(caller, deployed) };
  if (!isScheduled(step)) return [actor];
  const scheduler = await schedulerRoleOf(step, { identity, deployed });
  await identity.openTo(scheduler, arn.split(':')[4] ?? '');
  const runs = schedulerPathsOf(step, await session(arn.replace(nameIn(arn), scheduler)), deployed);
  return [actor, { name: `${name} (schedule)`, role: scheduler, paths: runs, ignoresKeys: false }];
}

/** Returns the role and paths of the platform's function. */
async function onFailureActor({ identity, server, deployed }: Target): Promise<Actor> {
  const arn = await roleOf(deployed.names.givenUp, deployed);
  const caller = await sessionsOf({ identity, server })(arn);
  const mapping = announcementsPathOf(caller, deployed);
  const paths = [...(await onFailurePaths(deployed)), logPathOf(deployed.names.givenUp, caller), mapping];
  return { name: 'discarded records', role: nameIn(arn), paths, ignoresKeys: false };
}

/** Returns the role and path of the function that asks the database for operators. */
async function queryActor({ identity, server, deployed }: Target): Promise<Actor> {
  const { databaseQuery } = deployed.names;
  const arn = await roleOf(databaseQuery, deployed);
  const caller = await sessionsOf({ identity, server })(arn);
  const question = { schema: 'sensors', statement: 'SELECT 1', mostRows: 1, mostMillis: 10_000 };
  const asks = {
    what: 'answers a question',
    async run() {
      const invoked = await invokeCold(databaseQuery, question, deployed);
      return unless(Array.isArray(Object(invoked.answer).rows), invoked);
    },
  };
  const paths = [asks, logPathOf(databaseQuery, caller)];
  return { name: 'millrace query', role: nameIn(arn), paths, ignoresKeys: false };
}

function sessionsOf({ identity, server }: Omit<Target, 'deployed'>): (roleArn: string) => Promise<Caller> {
  return async (roleArn) => ({
    endpoint: server.endpoint,
    region: server.region,
    credentials: await identity.assume(roleArn),
  });
}

async function schedulerRoleOf(
  { pipeline, name }: StepPlan,
  { identity, deployed }: Pick<Target, 'identity' | 'deployed'>,
): Promise<string> {
  // CloudFormation names the role by its stack and its path in it.
  const start = `${deployed.names.pipelineStack(pipeline)}-${name.replaceAll(/[^A-Za-z0-9]/g, '')}SchedulerRole`;
  const found = (await identity.roles()).find((role) => role.startsWith(start));
  if (found === undefined) throw new Error(`no role begins with ${start}`);
  return found;
}

interface Row {
  readonly actor: string;
  readonly statement: string;
  readonly action: string;
  /** What failed without the action; undefined when nothing did. */
  readonly failed: { readonly what: string; readonly said: string } | undefined;
}

async function withoutEach(
  { name, role, paths, ignoresKeys }: Actor,
  identity: Identity,
): Promise<{ readonly atFirst: readonly string[]; readonly rows: readonly Row[] }> {
  const atFirst: string[] = [];
  const sound: Path[] = [];
  for (const path of paths) {
    const said = await path.run();
    atFirst.push(said === undefined ? 'done' : `${path.what}: ${said}`);
    // A path that fails with all actions proves nothing when it fails without one.
    if (said === undefined) sound.push(path);
  }
  const rows: Row[] = [];
  for (const policy of await identity.policiesOf(role)) {
    const of: PolicyOf = { role, policy };
    const whole = await identity.policy(of);
    for (const { statement, action, rest, unlike } of eachLess(whole)) {
      await identity.putPolicy(of, rest);
      let failed = await firstFailure(sound);
      if (failed === undefined && ignoresKeys && unlike !== undefined) {
        await identity.putPolicy(of, unlike);
        failed = await firstFailure(sound);
        if (failed !== undefined)
          failed = { ...failed, what: `${failed.what} (without all statements of this kind: ${UNCHECKED})` };
      }
      rows.push({ actor: name, statement, action, failed });
    }
    await identity.putPolicy(of, whole);
  }
  return { atFirst, rows };
}

const UNCHECKED = 'this server does not check which checkpoints a policy allows';

async function firstFailure(paths: readonly Path[]): Promise<Row['failed']> {
  for (const path of paths) {
    const said = await saidOf(path);
    if (said !== undefined) return { what: path.what, said };
  }
  return undefined;
}

/** Runs a path. Repeats it when the log's end does not show a reason, because the log sometimes arrives late. */
async function saidOf({ run }: Path): Promise<string | undefined> {
  for (let tries = 1; ; tries++) {
    const said = await run();
    if (said === undefined || isDenied(said) || tries === 3) return said;
  }
}

/** Writes the rows as a Markdown table. */
function table(rows: readonly Row[]): string {
  const lines = rows.map(({ actor, statement, action, failed }) => [
    actor,
    statement,
    `\`${action}\``,
    failed?.what ?? '**nothing**',
  ]);
  return [['role of', 'statement', 'without', 'fails'], ['---', '---', '---', '---'], ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** Returns the role's name from its ARN. */
function nameIn(arn: string): string {
  return arn.split('/').at(-1) ?? arn;
}
