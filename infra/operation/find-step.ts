import { UserMistake } from '../../functions/runtime/errors.ts';
import { withCopies } from '../pipelines/copies.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { type PipelinePlan, planOf, type StepPlan } from '../pipelines/plan.ts';
import { resolveStream, type StreamPlan } from '../pipelines/streams.ts';
import { meant } from '../sql/syntax/suggest.ts';

/** Looks up pipelines, steps and streams by the names that an operator typed. */
export interface PipelineFinder {
  /** Every pipeline that the target runs. */
  plans(): readonly PipelinePlan[];
  /** Throws a `UserMistake` that lists the pipelines when there is none of this name. */
  plan(pipeline: string | undefined): PipelinePlan;
  /** Finds the code of a pipeline's tables. Throws a `UserMistake` that lists the pipelines. */
  tables(pipeline: string): Pipeline['tables'];
  /** Finds the code of a pipeline's transforms. Throws a `UserMistake` that lists the pipelines. */
  transforms(pipeline: string): Pipeline['transforms'];
  /** Throws a `UserMistake` that lists the pipelines or the steps. */
  step(pipeline: string | undefined, step: string | undefined): StepPlan;
  /** Throws a `UserMistake` that lists the pipelines or the streams. */
  stream(pipeline: string | undefined, stream: string | undefined): StreamPlan;
}

/** What a target says of itself. */
interface RunningThere {
  /** What reports call it: `dev on this machine`. */
  readonly title: string;
  /** The pipelines that run there. Undefined for a stage on AWS, which may run any of the repository. */
  readonly pipelines: readonly string[] | undefined;
}

export function pipelineFinder(declared: readonly Pipeline[], { pipelines, title }: RunningThere): PipelineFinder {
  const all = withCopies(declared);
  const deployed = all.filter(({ name }) => pipelines === undefined || pipelines.includes(name));

  function pipelineOf(name: string | undefined): Pipeline {
    const found = deployed.find((pipeline) => pipeline.name === name);
    if (found !== undefined) return found;
    const known = deployed.map((pipeline) => pipeline.name);
    const names = quoted(known);
    if (name === undefined) throw new UserMistake(`missing pipeline; name one of ${names}`);
    if (all.some((pipeline) => pipeline.name === name))
      throw new UserMistake(`pipeline '${name}' does not run here (${title}); use one of ${names}`);
    throw new UserMistake(`unknown pipeline '${name}'; ${meant(name, known)}use one of ${names}`);
  }

  const plan = (name: string | undefined): PipelinePlan => planOf(pipelineOf(name), all);

  return {
    plans: () => deployed.map((pipeline) => planOf(pipeline, all)),
    plan,
    tables: (pipeline) => pipelineOf(pipeline).tables,
    transforms: (pipeline) => pipelineOf(pipeline).transforms,
    step(pipeline, name) {
      const { steps } = plan(pipeline);
      const found = steps.find((step) => step.name === name);
      if (found !== undefined) return found;
      const known = steps.map((step) => step.name);
      const names = quoted(known);
      if (name === undefined) throw new UserMistake(`missing step of pipeline '${pipeline}'; name one of ${names}`);
      throw new UserMistake(`pipeline '${pipeline}' has no step '${name}'; ${meant(name, known)}use one of ${names}`);
    },
    stream(pipeline, name) {
      const found = pipelineOf(pipeline);
      const names = Object.keys(found.streams);
      if (name === undefined)
        throw new UserMistake(`missing stream of pipeline '${pipeline}'; name one of ${quoted(names)}`);
      if (!names.includes(name))
        throw new UserMistake(
          `pipeline '${pipeline}' has no stream '${name}'; ${meant(name, names)}use one of ${quoted(names)}`,
        );
      return resolveStream(found, name, all);
    },
  };
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
