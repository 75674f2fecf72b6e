import { UserMistake } from '../../functions/runtime/errors.ts';
import type { FunctionDefinition } from '../emulator/lambda-host/function-definition.ts';
import type { Trace } from '../emulator/trace.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { type PipelinePlan, planOf, type StepPlan } from '../pipelines/plan.ts';
import { meant } from '../sql/syntax/suggest.ts';
import { type CountsOfSteps, countSteps } from './counts.ts';
import { bundleSteps, bundleTicks, functionOf, tickFunctionOf } from './functions.ts';
import { type Runner, startRunner } from './runner.ts';
import { type Ports, type Servers, settledTogether, startServers } from './servers/servers.ts';
import { createStage, type LocalStage } from './stage.ts';

/** Running pipelines on this machine, with the servers that they use. */
export interface Local {
  readonly plans: readonly PipelinePlan[];
  readonly servers: Servers;
  readonly stage: LocalStage;
  readonly runner: Runner;
  /** The functions as they were when dev started, before any reload. */
  readonly functions: readonly FunctionDefinition[];
  readonly counts: CountsOfSteps;
}

export interface LocalOptions {
  readonly pipelines: readonly Pipeline[];
  readonly ports?: Ports & { readonly http?: number };
  /** Called with each line of a function's log that is not metrics. */
  readonly onLog: (functionName: string, line: string) => void;
  /** Called with one line when a server ends by itself, and when it runs again. */
  readonly onNotice?: (line: string) => void;
  readonly trace: (step: StepPlan) => Trace;
  readonly signal: AbortSignal;
}

/** Starts everything, and adds each part to `running` as it starts, so that an interrupted start can be undone. */
export async function startLocal(options: LocalOptions, running: AsyncDisposableStack): Promise<Local> {
  const { pipelines, ports = {}, onLog, onNotice, trace, signal } = options;
  const plans = pipelines.map((pipeline) => planOf(pipeline, pipelines));
  const ticked = plans.flatMap((plan) => plan.ticked);
  const [servers, bundled, ticks] = await settledTogether([
    startServers({ ports, ...(onNotice === undefined ? {} : { onNotice }) }, running),
    bundleSteps(plans.flatMap(({ steps }) => steps)),
    ticked.length === 0 ? Promise.resolve(undefined) : bundleTicks(),
  ]);
  signal.throwIfAborted();
  const stage = await createStage(servers, plans, running);
  const counts = countSteps();
  const functions = [
    ...bundled.map((step) => functionOf(step, stage)),
    ...(ticks === undefined ? [] : ticked.map((stream) => tickFunctionOf(stream, ticks, stage))),
  ];
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

/** Selects pipelines by name; all when no name is given. Throws a `UserMistake` for an unknown name. */
export function namedPipelines(all: readonly Pipeline[], names: readonly string[]): readonly Pipeline[] {
  const unknown = names.filter((name) => !all.some((pipeline) => pipeline.name === name));
  if (unknown.length > 0) {
    const known = all.map(({ name }) => name);
    throw new UserMistake(
      `unknown pipeline '${unknown.join("', '")}'; ${meant(unknown[0] ?? '', known)}use one of ${known.map((name) => `'${name}'`).join(', ')}`,
    );
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}
