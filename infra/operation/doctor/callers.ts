import { GetFunctionEventInvokeConfigCommand, GetFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import { streamArnOf } from '../../constructs/stream-names.ts';
import { mappingSettings, queueMappingSettings } from '../../delivery.ts';
import type { ReaderPlan, SourcePlan, StepPlan } from '../../pipelines/plan.ts';
import { differences, type Finding, type Look, look } from './finding.ts';
import { examineMapping, inApi, type Settings } from './mappings.ts';
import { examineQueues } from './queues.ts';
import { deployCommand, type ExaminedStage, functionArnOf, functionNameOf } from './stage.ts';

/** Looks at what calls a step's function: its mapping, its schedule's rules, its queues or its URL. */
export async function examineCaller(step: StepPlan, stage: ExaminedStage): Promise<readonly Finding[]> {
  const named = { of: `${step.pipeline}/${step.name}`, FunctionName: functionNameOf(step, stage) };
  switch (step.delivery) {
    case 'continuous':
      return [await examineMapping(named, streamMapping(step as ReaderPlan, stage), stage)];
    case 'queue':
      return [
        await examineMapping(named, queueMapping(step as SourcePlan, stage), stage),
        ...(await examineQueues(step as SourcePlan, stage)),
      ];
    case 'scheduled':
    case 'pulled':
      return [await look(invocations(step, stage))];
    case 'request':
      return [await look(functionUrl(step, stage))];
  }
}

function streamMapping({ input }: ReaderPlan, { target: { names } }: ExaminedStage): Settings {
  const { startingPositionTimestamp: _, ...settings } = {
    // The API answers it as a date.
    startingPositionTimestamp: undefined,
    ...mappingSettings(input, names.bucketArnOf(names.deadLetters)),
  };
  // The ARN of a consumer ends in the time of its creation.
  return { ...(input.fanOut ? {} : { EventSourceArn: streamArnOf(input.stream, names) }), ...inApi(settings) };
}

function queueMapping({ pipeline, name }: SourcePlan, { target: { names } }: ExaminedStage): Settings {
  return { EventSourceArn: names.arnOf('sqs', names.step(pipeline, name)), ...inApi(queueMappingSettings()) };
}

/** The schedule itself is EventBridge Scheduler's: docs/aws-checklist.md has the command that shows it. */
function invocations(step: StepPlan, stage: ExaminedStage): Look<{ MaximumRetryAttempts?: number | undefined }> {
  // As the stack sets it: an emulator keeps the settings of `$LATEST` apart from those without a version.
  const FunctionName = functionNameOf(step, stage);
  const command = new GetFunctionEventInvokeConfigCommand({ FunctionName, Qualifier: '$LATEST' });
  return {
    of: `${step.pipeline}/${step.name}`,
    what: 'scheduled calls',
    right: ['lambda:GetFunctionEventInvokeConfig', functionArnOf(step, stage)],
    read: () => stage.lambda.send(command, { abortSignal: stage.signal }),
    judge({ MaximumRetryAttempts }) {
      const wrong = differences({ MaximumRetryAttempts: 0 }, { MaximumRetryAttempts });
      return wrong === undefined
        ? { ok: 'none is retried: the next run goes on' }
        : { wrong, fix: deployCommand(stage) };
    },
    ifMissing: deployCommand(stage),
  };
}

function functionUrl(
  step: StepPlan,
  stage: ExaminedStage,
): Look<{ FunctionUrl: string | undefined; AuthType: string | undefined }> {
  const command = new GetFunctionUrlConfigCommand({ FunctionName: functionNameOf(step, stage) });
  return {
    of: `${step.pipeline}/${step.name}`,
    what: 'url',
    right: ['lambda:GetFunctionUrlConfig', functionArnOf(step, stage)],
    read: () => stage.lambda.send(command, { abortSignal: stage.signal }),
    judge: ({ FunctionUrl, AuthType }) => ({
      ok: `${FunctionUrl}, ${AuthType === 'AWS_IAM' ? 'callers sign their requests' : 'the function checks its callers'}`,
    }),
    ifMissing: deployCommand(stage),
  };
}
