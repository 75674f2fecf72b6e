import { join } from 'node:path';
import { Annotations, type App } from 'aws-cdk-lib';
import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Bundle, bundle, type Entry } from '../bundle.ts';
import { DATABASE_INIT_ENTRY } from '../constructs/database-init.ts';
import { DATABASE_QUERY_ENTRY } from '../constructs/database-query.ts';
import { ON_FAILURE_ENTRY } from '../constructs/on-failure-documents.ts';
import type { Context } from '../context.ts';
import { namesOf } from '../names.ts';
import { type CompleteBundle, completeBundle, type Machine } from '../native-files.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { outputsOf, type PipelinePlan, planOf } from '../pipelines/plan.ts';
import { crowdedStreams, crowdedWarning } from '../pipelines/shared-readers.ts';
import { REPOSITORY } from '../repository.ts';
import { TICK_ENTRY } from '../ticks.ts';
import { connectionWarnings, refuseTooManyConnections } from './database-connections.ts';
import { PipelineStack } from './pipeline.ts';
import { PlatformStack } from './platform.ts';

/** Adds a stage: the platform, and a stack for each of the pipelines that the context chooses. */
export async function addStage(app: App, context: Context, pipelines: readonly Pipeline[]): Promise<void> {
  const all = pipelines.map((pipeline) => planOf(pipeline, pipelines));
  const { plans, leftOut } = chosenOf(all, context);
  refuseTooManyConnections(plans, context);
  const entries = [
    DATABASE_INIT_ENTRY,
    DATABASE_QUERY_ENTRY,
    ON_FAILURE_ENTRY,
    ...(plans.some(({ ticked }) => ticked.length > 0) ? [TICK_ENTRY] : []),
    ...plans.flatMap(({ steps }) => steps.map(({ entry }) => entry)),
  ];
  const bundles = await bundlesOf(entries, context.native);
  const bundleOf = (entry: Entry): CompleteBundle => {
    const made = bundles.get(entry);
    if (made === undefined) throw new Error(`no bundle was made of ${typeof entry === 'string' ? entry : entry.name}`);
    return made;
  };

  const { platformStack, pipelineStack } = namesOf({ stage: context.stage, ...NOWHERE });
  const platform = new PlatformStack(app, platformStack, {
    context,
    bundleOf,
    // Of all pipelines: those that are not chosen stay deployed, and need what the platform does for them.
    existingStreams: existingStreamsOf(all),
  });
  const { names, resources, removal } = platform;
  const { key, alarms, database } = context;
  const ownsDatabase = database === undefined;
  const surroundings = { names, resources, removal, bundleOf, ownsDatabase, key, alarms };
  const stacks = new Map(
    plans.map((plan) => [plan.name, new PipelineStack(app, pipelineStack(plan.name), { plan, surroundings })]),
  );
  warnOfCrowds(
    all.filter((plan) => !leftOut.includes(plan)),
    stacks,
  );
  for (const warning of connectionWarnings(plans, context))
    Annotations.of(platform).addWarningV2('millrace:connections', warning);
  for (const plan of leftOut)
    Annotations.of(platform).addInfo(`pipeline '${plan.name}' is left out: ${whyLeftOut(plan)}`);
  for (const plan of plans) {
    const stack = stacks.get(plan.name);
    // Stacks refer to each other by name, which the CDK cannot see.
    for (const needed of [platform, ...ownersOf(plan).map((owner) => stacks.get(owner))]) {
      if (needed !== undefined) stack?.addStackDependency(needed);
    }
  }
}

function existingStreamsOf(plans: readonly PipelinePlan[]): readonly string[] {
  const read = plans.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'source' ? [] : [step.input.stream])),
  );
  return [...new Set(read.flatMap((stream) => (stream.kind === 'existing' ? [stream.arn] : [])))];
}

/** Warns at each pipeline that reads a stream with too many readers. */
function warnOfCrowds(plans: readonly PipelinePlan[], stacks: ReadonlyMap<string, PipelineStack>): void {
  for (const crowd of crowdedStreams(plans)) {
    for (const pipeline of new Set(crowd.readers.map((reader) => reader.pipeline))) {
      const stack = stacks.get(pipeline);
      if (stack !== undefined) Annotations.of(stack).addWarningV2('millrace:shared-readers', crowdedWarning(crowd));
    }
  }
}

interface Chosen {
  readonly plans: readonly PipelinePlan[];
  /** Those that nobody has named, and that need a database which the context does not have. */
  readonly leftOut: readonly PipelinePlan[];
}

function chosenOf(pipelines: readonly PipelinePlan[], context: Context): Chosen {
  const isLeftOut = ({ onlyWithDatabase: database }: PipelinePlan): boolean =>
    database !== undefined && !Object.hasOwn(context.databases, database);
  const { pipelines: chosen } = context;
  if (chosen === undefined)
    return { plans: pipelines.filter((plan) => !isLeftOut(plan)), leftOut: pipelines.filter(isLeftOut) };
  const names = pipelines.map(({ name }) => name);
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    const listed = unknown.map((name) => `'${name}'`).join(', ');
    throw new UserMistake(
      `context cannot be used:\n  pipelines: unknown pipeline ${listed}; use some of ${names.join(', ')}`,
    );
  }
  const plans = pipelines.filter(({ name }) => chosen.includes(name));
  const lacking = plans.find(isLeftOut);
  if (lacking !== undefined)
    throw new UserMistake(`pipeline '${lacking.name}' cannot be deployed: ${whyLeftOut(lacking)}`);
  return { plans, leftOut: [] };
}

function whyLeftOut({ onlyWithDatabase: database }: PipelinePlan): string {
  return `it reads the database '${database}', and the context has none of that name; add it with -c databases='{"${database}":{…}}' (docs/databases.md#on-aws)`;
}

/** Account and region for names of stacks, which contain neither. */
const NOWHERE = { account: '', region: '', partition: '' };

const BUNDLES = join(REPOSITORY, '.millrace', 'bundles');

/** Makes a bundle of each entry. Steps with the same entry share it. */
async function bundlesOf(entries: readonly Entry[], machine: Machine): Promise<ReadonlyMap<Entry, CompleteBundle>> {
  const distinct = [...new Set(entries)];
  const complete = async (entry: Entry) => [entry, await completeBundle(await bundledOnce(entry), machine)] as const;
  return new Map(await Promise.all(distinct.map(complete)));
}

const bundled = new Map<string, Promise<Bundle>>();

/** Bundles an entry once in this process: one process may add several stages, all from the same sources. */
async function bundledOnce(entry: Entry): Promise<Bundle> {
  const source = typeof entry === 'string' ? entry : `${entry.name}\n${await entry.code()}`;
  const made = bundled.get(source) ?? bundle(entry, BUNDLES);
  bundled.set(source, made);
  return await made;
}

/** Finds the pipelines whose streams this one uses. They are deployed first. */
function ownersOf(plan: PipelinePlan): readonly string[] {
  const used = plan.steps.flatMap((step) => [
    ...(step.kind === 'source' ? [] : [step.input.stream]),
    ...outputsOf(step),
  ]);
  const owners = used.flatMap((stream) => (stream.kind === 'own' ? [stream.pipeline] : []));
  return [...new Set(owners)].filter((owner) => owner !== plan.name);
}
