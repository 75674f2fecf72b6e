import { type FunctionConfiguration, GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { type EnvironmentConfig, parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { streamArnOf } from '../../constructs/stream-names.ts';
import { LIMITS, RUNTIME } from '../../delivery.ts';
import { outputsOf, type StepPlan } from '../../pipelines/plan.ts';
import { differences, type Finding, look } from './finding.ts';
import { deployCommand, type ExaminedStage, functionArnOf, functionNameOf } from './stage.ts';

/** Looks at a step's function: whether Lambda can call it, and whether it is configured as the repository says. */
export function examineFunction(step: StepPlan, stage: ExaminedStage): Promise<Finding> {
  const command = new GetFunctionConfigurationCommand({ FunctionName: functionNameOf(step, stage) });
  return look<Partial<FunctionConfiguration>>({
    of: `${step.pipeline}/${step.name}`,
    what: 'function',
    right: ['lambda:GetFunctionConfiguration', functionArnOf(step, stage)],
    read: () => stage.lambda.send(command, { abortSignal: stage.signal }),
    judge(reply) {
      const wrong = wrongWith(reply, { step, stage });
      return wrong === undefined ? { ok: 'active, configured as the pipeline says' } : wrong;
    },
    ifMissing: deployCommand(stage),
  });
}

interface Wrong {
  readonly wrong: string;
  readonly fix: string;
}

function wrongWith(
  reply: Partial<FunctionConfiguration>,
  { step, stage }: { readonly step: StepPlan; readonly stage: ExaminedStage },
): Wrong | undefined {
  const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason, Runtime, Timeout, MemorySize } = reply;
  const reasons = [StateReason, LastUpdateStatusReason].filter(Boolean).map((reason) => ` (${reason})`);
  const state = differences({ State: 'Active', LastUpdateStatus: 'Successful' }, { State, LastUpdateStatus });
  if (state !== undefined)
    return { wrong: `${state}${reasons.join('')}`, fix: `wait a minute; if it stays so, ${deployCommand(stage)}` };
  const { timeoutSeconds, memoryMb } = LIMITS[step.delivery];
  const settings = differences(
    { Runtime: RUNTIME, Timeout: timeoutSeconds, MemorySize: memoryMb },
    { Runtime, Timeout, MemorySize },
  );
  const wrong = settings ?? wrongConfig(reply.Environment?.Variables?.STEP_CONFIG, { step, stage });
  return wrong === undefined ? undefined : { wrong, fix: deployCommand(stage) };
}

/** Compares the environment's part of the configuration. Its `options` are in the bundle. */
function wrongConfig(
  text: string | undefined,
  { step, stage }: { readonly step: StepPlan; readonly stage: ExaminedStage },
): string | undefined {
  if (text === undefined) return 'its environment has no STEP_CONFIG';
  const { names } = stage.target;
  try {
    const config = parseEnvironmentConfig(text);
    if (config.options !== undefined)
      return 'STEP_CONFIG has the options, which belong into the bundle: an earlier version deployed it';
    return differences(
      {
        stage: names.stage,
        pipeline: step.pipeline,
        step: step.name,
        input: step.kind === 'source' ? undefined : streamArnOf(step.input.stream, names),
        output: outputsOf(step)
          .map((output) => streamArnOf(output, names))
          .join(', '),
      },
      { ...config, input: config.input?.stream, output: writtenBy(config) },
    );
  } catch (error) {
    return (error as Error).message;
  }
}

function writtenBy({ output, outputs = {} }: EnvironmentConfig): string {
  const streams = [output, ...Object.values(outputs)].flatMap((one) => (one === undefined ? [] : [one.stream]));
  return [...new Set(streams)].join(', ');
}
