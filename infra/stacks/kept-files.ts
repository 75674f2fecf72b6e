import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Context, parseContext } from '../context.ts';
import { namesOf } from '../names.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { REPOSITORY } from '../repository.ts';
import { type Kept, keptOf, type Template } from './kept.ts';
import { refusedChanges } from './kept-changes.ts';
import { keptAt, keptWith } from './kept-stages.ts';
import { leftStacks } from './left-stacks.ts';
import { addStage } from './stage.ts';

/**
 * Throws a `UserMistake` when deploying the assembly would replace recorded resources, or leave them or a whole stack
 * behind. `pipelines` are all of them, also those that the context does not choose.
 */
export async function refuseReplacing(
  assembly: CloudAssembly,
  context: Context,
  { pipelines, root = REPOSITORY }: { readonly pipelines: readonly Pipeline[]; readonly root?: string },
): Promise<void> {
  const surroundingsGiven = context.database !== undefined || context.network !== undefined;
  const refused = [...(await leftStacks(pipelines, context.stage, root))];
  for (const { file, next } of stacksOf(assembly, context.stage)) {
    const recorded = keptAt(await read(root, file), context.stage);
    refused.push(...refusedChanges({ file, recorded, next, stage: context.stage, surroundingsGiven }));
  }
  if (refused.length > 0) {
    throw new UserMistake(`this update is refused:\n${refused.map((each) => `  ${each}`).join('\n')}`);
  }
}

/**
 * Records the resources of the platform and every pipeline as the context's stage has them. What other stages have
 * otherwise stays recorded. Returns the files that changed.
 */
export async function recordKept(
  pipelines: readonly Pipeline[],
  { context = parseContext({}), root = REPOSITORY }: { readonly context?: Context; readonly root?: string } = {},
): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const [file, next] of await currentKept(pipelines, context)) {
    const path = join(root, file);
    const kept = keptWith(await read(root, file), { next, stage: context.stage });
    const text = `${JSON.stringify(kept, undefined, 2)}\n`;
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    await writeFile(path, text);
    changed.push(file);
  }
  return changed;
}

/** Computes the record of each file for one stage. */
export async function currentKept(
  pipelines: readonly Pipeline[],
  context = parseContext({}),
): Promise<ReadonlyMap<string, Kept>> {
  const outdir = await mkdtemp(join(tmpdir(), 'millrace-kept-'));
  try {
    const app = new App({ analyticsReporting: false, context: recommended, outdir });
    await addStage(app, withEveryDatabase(context, pipelines), pipelines);
    return new Map(stacksOf(app.synth(), context.stage).map(({ file, next }) => [file, next]));
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}

/**
 * Adds the databases without which a pipeline would be left out. What is recorded of a pipeline does not say which
 * database it reads.
 */
function withEveryDatabase(context: Context, pipelines: readonly Pipeline[]): Context {
  const needed = pipelines.flatMap(({ onlyWithDatabase: name }) => (name === undefined ? [] : [[name, ANY] as const]));
  return { ...context, databases: { ...Object.fromEntries(needed), ...context.databases } };
}

const ANY: Context['databases'][string] = {
  host: 'db.example.com',
  port: 5_432,
  name: 'any',
  user: 'any',
  secret: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:any-AbCdEf',
  ca: 'public',
};

function stacksOf(assembly: CloudAssembly, stage: string): readonly { readonly file: string; readonly next: Kept }[] {
  const { platformStack } = namesOf({ stage, account: '', region: '', partition: '' });
  return assembly.stacks.map(({ stackName, template }) => ({
    file:
      stackName === platformStack
        ? 'infra/stacks/platform.kept.json'
        : `infra/pipelines/${stackName.slice(platformStack.length + 1)}.kept.json`,
    next: keptOf(template as Template, stage),
  }));
}

/** Reads a file of records. A stack that was never recorded has nothing to lose. */
async function read(root: string, file: string): Promise<Kept> {
  try {
    return JSON.parse(await readFile(join(root, file), 'utf8')) as Kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new UserMistake(
      `${file} is not JSON: ${(error as Error).message}: restore it from git, or run millrace kept`,
    );
  }
}
