import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { KinesisStreamEvent } from 'aws-lambda';
import { ON_FAILURE_PREFIX } from '../../functions/runtime/on-failure/missed.ts';
import { streamArnOf } from '../../infra/constructs/stream-names.ts';
import { isContinuous } from '../../infra/local/runner.ts';
import { invokeCold } from './cold-invocation.ts';
import type { Deployed } from './deployed.ts';
import { putSamples, samplesOf } from './samples.ts';
import { type Path, unless } from './statement-paths.ts';

/** The path of the function that makes dead letters of records that Lambda discarded. */
export async function onFailurePaths(deployed: Deployed): Promise<readonly Path[]> {
  const { clients, names } = deployed;
  const step = deployed.steps.find(isContinuous);
  if (step === undefined) throw new Error('no step has a mapping that can discard records');
  const samples = await samplesOf(step.input.stream, deployed);
  const of = {
    functionArn: names.arnOf('lambda', `function:${names.step(step.pipeline, step.name)}`),
    streamArn: streamArnOf(step.input.stream, names),
  };
  return [
    {
      what: 'makes dead letters of a batch',
      async run() {
        const event = await putSamples(step.input.stream, samples.slice(0, 2), deployed);
        const Key = `${ON_FAILURE_PREFIX}sample/${process.hrtime.bigint()}`;
        const Body = JSON.stringify(documentOf(event, of));
        await clients.s3.send(new PutObjectCommand({ Bucket: names.deadLetters, Key, Body }));
        const invoked = await invokeCold(names.givenUp, {}, deployed);
        return unless(!invoked.threw, invoked);
      },
    },
  ];
}

/** Writes a document as Lambda does (Developer Guide, "Configuring destinations for failed invocations"). */
function documentOf(
  event: KinesisStreamEvent,
  { functionArn, streamArn }: { readonly functionArn: string; readonly streamArn: string },
) {
  const numbers = event.Records.map(({ kinesis }) => kinesis.sequenceNumber);
  const now = new Date().toISOString();
  return {
    requestContext: { requestId: 'sample', functionArn, condition: 'RecordAgeExceeded', approximateInvokeCount: 1 },
    version: '1.0',
    timestamp: now,
    KinesisBatchInfo: {
      shardId: event.Records[0]?.eventID.split(':')[0],
      startSequenceNumber: numbers[0],
      endSequenceNumber: numbers.at(-1),
      batchSize: numbers.length,
      streamArn,
      approximateArrivalOfFirstRecord: now,
      approximateArrivalOfLastRecord: now,
    },
    payload: JSON.stringify(event),
  };
}
