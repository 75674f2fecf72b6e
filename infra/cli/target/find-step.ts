import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Pipeline } from '../../pipelines/pipeline.ts';
import { type PipelinePlan, planOf, type StepPlan } from '../../pipelines/plan.ts';
import { resolveStream, type StreamPlan } from '../../pipelines/streams.ts';
import type { FoundTarget } from './open-target.ts';

/** The pipelines that a place may run. */
export interface Asked {
  plans(): readonly PipelinePlan[];
  /** Those below throw a `UserMistake` that lists what there is. */
  plan(pipeline: string | undefined): PipelinePlan;
  step(pipeline: string | undefined, step: string | undefined): StepPlan;
  stream(pipeline: string | undefined, stream: string | undefined): StreamPlan;
}

export function askedOf(all: readonly Pipeline[], { pipelines, title }: FoundTarget): Asked {
  const there = all.filter(({ name }) => pipelines === undefined || pipelines.includes(name));

  function pipelineOf(name: string | undefined): Pipeline {
    const names = there.map((pipeline) => pipeline.name);
    const found = there.find((pipeline) => pipeline.name === name);
    if (found !== undefined) return found;
    if (name === undefined) throw new UserMistake(`which pipeline? there are ${quoted(names)}`);
    const elsewhere = all.some((pipeline) => pipeline.name === name) ? `, and ${title} does not run it` : '';
    throw new UserMistake(`there is no pipeline '${name}': there are ${quoted(names)}${elsewhere}`);
  }

  const plan = (name: string | undefined): PipelinePlan => planOf(pipelineOf(name), all);

  return {
    plans: () => there.map((pipeline) => planOf(pipeline, all)),
    plan,
    step(pipeline, name) {
      const { steps } = plan(pipeline);
      const found = steps.find((step) => step.name === name);
      if (found !== undefined) return found;
      const names = quoted(steps.map((step) => step.name));
      if (name === undefined) throw new UserMistake(`which step of '${pipeline}'? there are ${names}`);
      throw new UserMistake(`pipeline '${pipeline}' has no step '${name}': there are ${names}`);
    },
    stream(pipeline, name) {
      const found = pipelineOf(pipeline);
      const names = Object.keys(found.streams);
      if (name === undefined) throw new UserMistake(`which stream of '${pipeline}'? there are ${quoted(names)}`);
      if (!names.includes(name))
        throw new UserMistake(`pipeline '${pipeline}' has no stream '${name}': there are ${quoted(names)}`);
      return resolveStream(found, name, all);
    },
  };
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
