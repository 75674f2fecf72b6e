import { createHash } from 'node:crypto';
import type { MarkLimits } from '../../functions/runtime/checkpoints/runs.ts';
import { describeStream } from '../../functions/runtime/log/shards.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import { type VirtualClock, virtualClock } from '../../infra/emulator/clock.ts';
import { withCopies } from '../../infra/pipelines/copies.ts';
import type { Pipeline } from '../../infra/pipelines/pipeline.ts';
import { outputsOf, type PipelinePlan, planOf, type StepPlan } from '../../infra/pipelines/plan.ts';
import { inlineTransform } from '../../infra/sql/inline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { type Calls, openCalls } from './calls.ts';
import type { Deadly } from './deaths.ts';
import { type Faults, openFaults } from './faults.ts';
import { type Feeders, startFeeders } from './feeders.ts';
import { type Functions, openFunctions } from './functions.ts';
import { takeOverNode } from './node-inside.ts';
import { type SimulatedProcess, startProcess } from './simulated-process.ts';
import { createStage, type Stage } from './stage.ts';
import { openStepIn, type World as StepWorld, sendFrom } from './steps.ts';
import { openStory, type Story } from './story.ts';
import { tickIn } from './ticks.ts';

/**
 * Pipelines that run in this process, on a virtual clock, with all services in memory. A seed determines the whole run.
 */
export interface World {
  readonly plans: readonly PipelinePlan[];
  readonly steps: readonly StepPlan[];
  readonly clock: VirtualClock;
  readonly stage: Stage;
  readonly faults: Faults;
  readonly functions: Functions;
  readonly feeders: Feeders;
  readonly story: Story;
  /** The deployed code of each transform. */
  readonly transforms: Map<StepPlan, Pick<Transform, 'run'>>;
  /** The deployed code of each table that has changed. */
  readonly tables: Map<StepPlan, Table>;
  /** Which events kill the function of each step. */
  readonly deadly: Map<StepPlan, Deadly>;
  /** The incarnation of each stream, by its name. Checkpoints name shards by it. */
  readonly incarnations: ReadonlyMap<string, string>;
  /** Returns random numbers of a name's own: other names do not influence them. */
  randomOf(what: string): () => number;
  /** Starts a process that belongs to no step. Its calls meet no faults. */
  outsider(name: string): SimulatedProcess;
  /** Starts a process of an operator's command. Its calls meet faults as those of steps do. */
  operator(): SimulatedProcess;
}

export interface WorldOptions {
  readonly pipelines: readonly Pipeline[];
  readonly seed: number;
  readonly startMillis: number;
  readonly recordBytes: number | undefined;
  readonly pollMillis: number | undefined;
  /** Smaller limits than a step's own, so that few marks already have pages. */
  readonly markLimits?: MarkLimits | undefined;
  /** Gets each line that a step's function logs. */
  readonly onLine?: ((step: string, line: string) => void) | undefined;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const { seed, startMillis, recordBytes, pollMillis } = options;
  const pipelines = withCopies(options.pipelines);
  takeOverNode();
  const clock = virtualClock({ startMillis });
  const randomOf = (what: string) => seededRandom(seedOf(`${seed}/${what}`));
  const plans = pipelines.map((pipeline) => planOf(pipeline, pipelines));
  const steps = plans.flatMap((plan) => plan.steps);
  const stage = await createStage(plans, { clock, seed, random: randomOf('queues'), recordBytes });
  const story = openStory(clock);
  const faults = openFaults();
  const calls = openCalls({
    faults,
    overtake: (process) => functions.disconnect(process),
    onFault: ({ step }, { call, kind }) => story.tell(`${step} ${call}: ${kind}`),
  });
  const processOf = (name: string, through: Calls): SimulatedProcess =>
    startProcess({
      step: name,
      clock,
      random: randomOf(`process ${++processes} of ${name}`),
      send: (process, call) => sendFrom({ stage, calls: through }, process, call),
    });
  let processes = 0;
  const transforms = new Map<StepPlan, Pick<Transform, 'run'>>(await inlineTransforms(steps));
  const tables = new Map<StepPlan, Table>();
  const deadly = new Map<StepPlan, Deadly>();
  const stepWorld: StepWorld = {
    stage,
    calls,
    transformOf: (step) => transforms.get(step) ?? transformOf(pipelines, step),
    tableOf: (step) => tables.get(step) ?? tableOf(pipelines, step),
    deadlyOf: (step) => deadly.get(step),
    markLimits: options.markLimits,
    log(step, line) {
      options.onLine?.(step.name, line);
      tellError(story, step, line);
    },
  };
  const functions: Functions = openFunctions({
    clock,
    calls,
    start: (step) => processOf(step.name, calls),
    open: (step, process) => openStepIn(stepWorld, step, process),
    // Mappings and the scheduler report failures themselves.
    ended: (step, why) => {
      if (step.delivery === 'request') story.tell(`${step.name}: ${why}`);
    },
  });
  const ticked = plans.flatMap((plan) => plan.ticked);
  const feeders = startFeeders(steps, {
    stage,
    functions,
    clock,
    story,
    pollMillis,
    randomOf,
    ticked,
    tick: (stream, event) => tickIn(stage, processOf(`${stream.name}-ticks`, calls), { stream, event }),
  });
  const incarnations = new Map<string, string>();
  for (const stream of streamNames(stage, plans)) {
    const shape = await describeStream(stage.streams.client, stream, new AbortController().signal);
    incarnations.set(stream, shape.incarnation);
  }
  await clock.runUntil(Promise.all([...feeders.mappings.values()].map((mapping) => mapping.settled())));
  const calm = openCalls({ faults: openFaults(), overtake: () => undefined, onFault: () => undefined });
  return {
    plans,
    steps,
    clock,
    stage,
    faults,
    functions,
    feeders,
    story,
    transforms,
    tables,
    deadly,
    incarnations,
    randomOf,
    outsider: (name) => processOf(name, calm),
    operator: () => processOf('operator', calls),
  };
}

function transformOf(pipelines: readonly Pipeline[], step: StepPlan) {
  const transform = pipelines.find(({ name }) => name === step.pipeline)?.transforms[step.name];
  if (transform === undefined) throw new Error(`pipeline '${step.pipeline}' has no transform '${step.name}'`);
  if ('sql' in transform.apply) throw new Error(`the SQL of step '${step.name}' is not compiled`);
  return transform.apply;
}

function tableOf(pipelines: readonly Pipeline[], step: StepPlan): Table {
  const table = pipelines.find(({ name }) => name === step.pipeline)?.tables[step.name];
  if (table === undefined) throw new Error(`pipeline '${step.pipeline}' has no table '${step.name}'`);
  return table.keep;
}

/** Compiles the SQL that is written in a pipeline, as for a bundle. */
function inlineTransforms(steps: readonly StepPlan[]): Promise<[StepPlan, Transform][]> {
  const inline = steps.flatMap((step) =>
    step.kind === 'transform' && step.sql !== undefined ? { step, sql: step.sql } : [],
  );
  return Promise.all(inline.map(async ({ step, sql }) => [step, await inlineTransform(sql)] as [StepPlan, Transform]));
}

export function streamNames(stage: Stage, plans: readonly PipelinePlan[]): readonly string[] {
  const used = plans.flatMap(({ streams, steps }) => [
    ...streams,
    ...steps.flatMap(outputsOf),
    ...steps.flatMap((step) => (step.kind === 'source' ? [] : [step.input.stream])),
  ]);
  return [...new Set(used.map((stream) => stage.streamName(stream)))];
}

/** Adds errors that a function logs to the story; metrics are left out. */
function tellError(story: Story, step: StepPlan, line: string): void {
  const { level, error } = JSON.parse(line) as { level?: string; error?: string };
  if (level === 'error') story.tell(`${step.name}: ${error}`);
}

function seedOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}
