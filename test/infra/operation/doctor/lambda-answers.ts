import { LANES } from '../../../../functions/runtime/items/lanes.ts';
import { streamArnOf } from '../../../../infra/constructs/stream-names.ts';
import { LIMITS } from '../../../../infra/delivery.ts';
import type { Names } from '../../../../infra/names.ts';
import type { PipelinePlan, ReaderPlan, StepPlan, TransformPlan } from '../../../../infra/pipelines/plan.ts';
import { stepConfigPartsOf } from '../../../../infra/pipelines/step-config.ts';

export interface Answer {
  readonly status: number;
  readonly type?: string;
  /** The name of an error. */
  readonly error?: string;
  readonly body: unknown;
}

type Body = Readonly<Record<string, unknown>>;

/** What Lambda answers about the functions of a stage that is as it is deployed, by `GET /path?query`. */
export function lambdaAnswers(plans: readonly PipelinePlan[], names: Names): readonly (readonly [string, Answer])[] {
  const steps = plans.flatMap((plan) => plan.steps);
  const ok = (path: string, body: Body) => [`GET ${path}`, { status: 200, body }] as const;
  return [
    ok(`/2015-03-31/functions/${names.givenUp}/configuration`, { State: 'Active' }),
    ok(`/2015-03-31/functions/${names.databaseQuery}/configuration`, { State: 'Active' }),
    ok(`/2015-03-31/event-source-mappings?FunctionName=${names.givenUp}`, {
      EventSourceMappings: [{ ...ENABLED, EventSourceArn: names.arnOf('sqs', names.givenUp), ...GIVEN_UP }],
    }),
    ...steps.flatMap((step) => {
      const name = names.step(step.pipeline, step.name);
      return [
        ok(`/2015-03-31/functions/${name}/configuration`, configurationOf(step, names)),
        ok(`/2015-03-31/event-source-mappings?FunctionName=${name}`, { EventSourceMappings: mappingsOf(step, names) }),
        ...(step.delivery === 'scheduled'
          ? [ok(`/2019-09-25/functions/${name}/event-invoke-config?Qualifier=%24LATEST`, { MaximumRetryAttempts: 0 })]
          : []),
        ...(step.delivery === 'request'
          ? [ok(`/2021-10-31/functions/${name}/url`, { FunctionUrl: `https://${name}.on.aws/`, AuthType: 'AWS_IAM' })]
          : []),
      ];
    }),
  ];
}

export function configurationOf(step: StepPlan, names: Names): Body {
  const { environment } = stepConfigPartsOf(step, {
    stage: names.stage,
    checkpoints: names.checkpoints,
    deadLetters: names.deadLetters,
    lake: names.lake,
    generation: 'g',
    nameOf: (stream) => streamArnOf(stream, names),
  });
  const { timeoutSeconds: Timeout, memoryMb: MemorySize } = LIMITS[step.delivery];
  return {
    State: 'Active',
    LastUpdateStatus: 'Successful',
    Runtime: 'nodejs24.x',
    Timeout,
    MemorySize,
    Environment: { Variables: { STEP_CONFIG: JSON.stringify(environment) } },
  };
}

const ENABLED = { UUID: 'u-1', State: 'Enabled', LastProcessingResult: 'OK', MaximumBatchingWindowInSeconds: 0 };
const GIVEN_UP = { BatchSize: 10, ScalingConfig: { MaximumConcurrency: 2 } };

/** The mappings as Lambda's API writes them: the settings that `mappingSettings` gives to CloudFormation. */
function mappingsOf(step: StepPlan, names: Names): readonly Body[] {
  if (step.delivery === 'queue') return [{ ...ENABLED, ...queueSettings(step, names) }];
  return step.delivery === 'continuous' ? [{ ...ENABLED, ...streamSettings(step as TransformPlan, names) }] : [];
}

function streamSettings({ input: { stream, start } }: ReaderPlan, names: Names): Body {
  return {
    EventSourceArn: streamArnOf(stream, names),
    StartingPosition: start === 'latest' ? 'LATEST' : 'TRIM_HORIZON',
    BatchSize: 10_000,
    ParallelizationFactor: 1,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    BisectBatchOnFunctionError: true,
    MaximumRetryAttempts: -1,
    MaximumRecordAgeInSeconds: -1,
    DestinationConfig: { OnSuccess: {}, OnFailure: { Destination: names.bucketArnOf(names.deadLetters) } },
  };
}

function queueSettings({ pipeline, name }: StepPlan, names: Names): Body {
  return {
    EventSourceArn: names.arnOf('sqs', names.step(pipeline, name)),
    BatchSize: 1,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: LANES },
  };
}
