import {
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  type StreamDescriptionSummary,
} from '@aws-sdk/client-kinesis';
import { streamArnOf, streamNameOf } from '../../constructs/stream-names.ts';
import { outputsOf, type PipelinePlan, type ReaderPlan, type StepPlan } from '../../pipelines/plan.ts';
import type { StreamPlan } from '../../pipelines/streams.ts';
import { differences, type Finding, type Look, look, type Verdict } from './finding.ts';
import { deployCommand, type ExaminedStage } from './stage.ts';

/**
 * Looks at the streams of a pipeline: those that it creates, and those of others that its steps use. One after the
 * other, because Kinesis describes twenty streams a second for a whole account, and steps do so too.
 */
export async function examineStreams(plan: PipelinePlan, stage: ExaminedStage): Promise<readonly Finding[]> {
  const { names } = stage.target;
  const used = plan.steps.flatMap((step) => [
    ...(step.kind === 'source' ? [] : [{ stream: step.input.stream, written: false }]),
    ...outputsOf(step).map((stream) => ({ stream, written: true })),
  ]);
  const created = plan.streams.map((stream) => ({ stream, written: false }));
  const byArn = Map.groupBy([...created, ...used], ({ stream }) => streamArnOf(stream, names));
  const findings: Finding[] = [];
  for (const [arn, uses] of byArn) {
    const [first] = uses;
    if (first === undefined) continue;
    findings.push(await look(stream(first.stream, { arn, written: uses.some(({ written }) => written), stage })));
  }
  for (const step of plan.steps.filter(hasConsumer)) findings.push(await look(consumer(step, stage)));
  return findings;
}

interface Use {
  readonly arn: string;
  /** True when a step of ours appends to it. */
  readonly written: boolean;
  readonly stage: ExaminedStage;
}

function stream(
  plan: StreamPlan,
  { arn, written, stage }: Use,
): Look<{ StreamDescriptionSummary: StreamDescriptionSummary | undefined }> {
  const { clients, names } = stage.target;
  const name = streamNameOf(plan, names);
  return {
    of: name,
    what: 'stream',
    right: ['kinesis:DescribeStreamSummary', arn],
    read: () =>
      clients.kinesis.send(
        new DescribeStreamSummaryCommand(name.startsWith('arn:') ? { StreamARN: name } : { StreamName: name }),
        { abortSignal: stage.signal },
      ),
    judge: ({ StreamDescriptionSummary: summary }) => verdictOf(plan, summary, { written, stage }),
    ifMissing: plan.kind === 'own' ? deployCommand(stage) : 'create it, or correct `existing` in the pipeline',
  };
}

function verdictOf(
  plan: StreamPlan,
  summary: Partial<StreamDescriptionSummary> = {},
  { written, stage }: Omit<Use, 'arn'>,
): Verdict {
  const { StreamStatus, RetentionPeriodHours, OpenShardCount = 0, MaxRecordSizeInKiB = 1_024 } = summary;
  if (StreamStatus !== 'ACTIVE' && StreamStatus !== 'UPDATING')
    return { wrong: `its status is ${StreamStatus}`, fix: 'wait until it is ACTIVE' };
  const { kind, retentionHours } = plan;
  const wrongRetention =
    retentionHours === undefined
      ? undefined
      : differences({ RetentionPeriodHours: retentionHours }, { RetentionPeriodHours });
  if (wrongRetention !== undefined)
    return { wrong: wrongRetention, fix: kind === 'own' ? deployCommand(stage) : CORRECT_RETENTION };
  if (kind === 'existing' && written && MaxRecordSizeInKiB !== plan.maxRecordKiB) {
    const wrong = `it takes records of ${MaxRecordSizeInKiB} KiB, and the pipeline says ${plan.maxRecordKiB}`;
    return { wrong, fix: `say maxRecordKiB: ${MaxRecordSizeInKiB} in the pipeline` };
  }
  const shards = `${OpenShardCount} open shard${OpenShardCount === 1 ? '' : 's'}`;
  return { ok: `${StreamStatus.toLowerCase()}, ${shards}, keeps events for ${RetentionPeriodHours} hours` };
}

const CORRECT_RETENTION = "change the stream's retention, or correct `retentionDays` in the pipeline";

type Reader = ReaderPlan;

function hasConsumer(step: StepPlan): step is Reader {
  return step.kind !== 'source' && step.input.fanOut;
}

function consumer(
  step: Reader,
  stage: ExaminedStage,
): Look<{ ConsumerDescription: { ConsumerStatus: string | undefined } | undefined }> {
  const { clients, names } = stage.target;
  const StreamARN = streamArnOf(step.input.stream, names);
  const ConsumerName = names.step(step.pipeline, step.name);
  const command = new DescribeStreamConsumerCommand({ StreamARN, ConsumerName });
  return {
    of: `${step.pipeline}/${step.name}`,
    what: 'fan-out consumer',
    right: ['kinesis:DescribeStreamConsumer', `${StreamARN}/consumer/${ConsumerName}`],
    read: () => clients.kinesis.send(command, { abortSignal: stage.signal }),
    judge: ({ ConsumerDescription }) =>
      ConsumerDescription?.ConsumerStatus === 'ACTIVE'
        ? { ok: 'active' }
        : { wrong: `its status is ${ConsumerDescription?.ConsumerStatus}`, fix: 'wait until it is ACTIVE' },
    ifMissing: deployCommand(stage),
  };
}
