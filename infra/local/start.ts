import { UserMistake } from '../../functions/runtime/errors.ts';
import type { FunctionDefinition } from '../emulator/lambda-host/function-definition.ts';
import type { Trace } from '../emulator/trace.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { type PipelinePlan, planOf, type StepPlan } from '../pipelines/plan.ts';
import { type CountsOfSteps, countSteps } from './counts.ts';
import { bundleSteps, functionOf } from './functions.ts';
import { type Runner, startRunner } from './runner.ts';
import { type Ports, type Servers, settledTogether, startServers } from './servers/servers.ts';
import { createStage, type LocalStage } from './stage.ts';

/** Pipelines on this machine, with everything below them. */
export interface Local {
  readonly plans: readonly PipelinePlan[];
  readonly servers: Servers;
  readonly stage: LocalStage;
  readonly runner: Runner;
  /** What the steps ran as at first. */
  readonly functions: readonly FunctionDefinition[];
  readonly counts: CountsOfSteps;
}

export interface LocalOptions {
  readonly pipelines: readonly Pipeline[];
  readonly ports?: Ports & { readonly http?: number };
  /** A line of a function's log that is not metrics. */
  readonly onLog: (functionName: string, line: string) => void;
  readonly trace: (step: StepPlan) => Trace;
  readonly signal: AbortSignal;
}

/** Starts everything. What is running is put on `running` as it starts: whoever gives up half-way ends just that. */
export async function startLocal(options: LocalOptions, running: AsyncDisposableStack): Promise<Local> {
  const { pipelines, ports = {}, onLog, trace, signal } = options;
  const plans = pipelines.map((pipeline) => planOf(pipeline, pipelines));
  const [servers, bundled] = await settledTogether([
    startServers(ports, running),
    bundleSteps(plans.flatMap(({ steps }) => steps)),
  ]);
  signal.throwIfAborted();
  const stage = await createStage(servers, plans, running);
  const counts = countSteps();
  const functions = bundled.map((step) => functionOf(step, stage));
  const runner = await startRunner(
    {
      plans,
      stage,
      functions,
      onLog: (name, line) => {
        if (!counts.take(line)) onLog(name, line);
      },
      trace,
      ...(ports.http === undefined ? {} : { httpPort: ports.http }),
    },
    running,
  );
  return { plans, servers, stage, runner, functions, counts };
}

/** The pipelines of these names; all of them when none is named. */
export function namedPipelines(all: readonly Pipeline[], names: readonly string[]): readonly Pipeline[] {
  const unknown = names.filter((name) => !all.some((pipeline) => pipeline.name === name));
  if (unknown.length > 0) {
    throw new UserMistake(
      `there is no pipeline '${unknown.join("', '")}': there are ${all.map(({ name }) => `'${name}'`).join(', ')}`,
    );
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}
