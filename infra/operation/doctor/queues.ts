import { GetQueueAttributesCommand, GetQueueUrlCommand, type QueueAttributeName } from '@aws-sdk/client-sqs';
import { VISIBILITY_SECONDS } from '../../delivery.ts';
import type { SourcePlan } from '../../pipelines/plan.ts';
import { differences, type Finding, type Look, look } from './finding.ts';
import { deployCommand, type ExaminedStage } from './stage.ts';

/** Looks at the queue that announces items to a source, and at the queue of those that failed too often. */
export async function examineQueues(step: SourcePlan, stage: ExaminedStage): Promise<readonly Finding[]> {
  const { names } = stage.target;
  const failed = names.failedItems(step.pipeline, step.name);
  return [
    await look({
      ...queue(step, { name: names.step(step.pipeline, step.name), stage }),
      what: 'queue',
      judge({ VisibilityTimeout, RedrivePolicy }) {
        const wrong = differences(
          { VisibilityTimeout: String(VISIBILITY_SECONDS), failedItems: failed },
          { VisibilityTimeout, failedItems: failedQueueIn(RedrivePolicy) },
        );
        return wrong === undefined ? { ok: 'announces items' } : { wrong, fix: deployCommand(stage) };
      },
    }),
    await look({
      ...queue(step, { name: failed, stage }),
      what: 'failed items',
      judge({ ApproximateNumberOfMessages: count = '0' }) {
        if (count === '0') return { ok: 'none' };
        return { wrong: `${count} announcements failed`, fix: 'see docs/runbook.md#failed-files' };
      },
    }),
  ];
}

type Attributes = Partial<Record<QueueAttributeName, string>>;

function queue(
  step: SourcePlan,
  { name, stage }: { readonly name: string; readonly stage: ExaminedStage },
): Omit<Look<Attributes>, 'what' | 'judge'> {
  const { names, clients } = stage.target;
  return {
    of: `${step.pipeline}/${step.name}`,
    right: ['sqs:GetQueueUrl and sqs:GetQueueAttributes', names.arnOf('sqs', name)],
    async read() {
      const sent = { abortSignal: stage.signal };
      const { QueueUrl } = await clients.sqs.send(new GetQueueUrlCommand({ QueueName: name }), sent);
      const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] });
      return (await clients.sqs.send(command, sent)).Attributes ?? {};
    },
    ifMissing: deployCommand(stage),
  };
}

function failedQueueIn(redrivePolicy: string | undefined): string | undefined {
  if (redrivePolicy === undefined) return undefined;
  const { deadLetterTargetArn = '' } = JSON.parse(redrivePolicy) as { deadLetterTargetArn?: string };
  return deadLetterTargetArn.split(':').at(-1);
}
