import { expect, test } from 'vitest';
import { awsError, bucketArn, type Document, queueArn, returns, streamArn, throws, topicArn, world } from './world.ts';

const to = (Destination: string) => ({ DestinationConfig: { OnFailure: { Destination } } });

async function oneDiscarded(destinationArn: string) {
  const made = await world();
  const { clock, deliveries, documents, put, start } = made;
  const putMillis = clock.now();
  const sequenceNumbers = await put([...'ab']);
  const mapping = start({ MaximumRetryAttempts: 1, ...to(destinationArn) }, () => throws());
  await clock.runUntil(mapping.caughtUp());
  const document = documents[0] as Document;
  return { ...made, mapping, document, sequenceNumbers, putMillis, last: deliveries.at(-1) };
}

test('an exhausted batch is reported to its destination as AWS reports it', async () => {
  const { document, documents, sequenceNumbers, putMillis, last } = await oneDiscarded(queueArn);
  expect(documents).toHaveLength(1);
  expect(document.body).toEqual({
    requestContext: {
      requestId: last?.requestId,
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:load-readings',
      condition: 'RetryAttemptsExhausted',
      approximateInvokeCount: 2,
    },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: new Date(last?.atMillis ?? 0).toISOString(),
    KinesisBatchInfo: {
      shardId: 'shardId-000000000000',
      startSequenceNumber: sequenceNumbers[0],
      endSequenceNumber: sequenceNumbers[1],
      approximateArrivalOfFirstRecord: new Date(putMillis).toISOString(),
      approximateArrivalOfLastRecord: new Date(putMillis).toISOString(),
      batchSize: 2,
      streamArn,
    },
  });
});

test('a topic gets the same document', async () => {
  const toQueue = await oneDiscarded(queueArn);
  const toTopic = await oneDiscarded(topicArn);
  expect(toTopic.document.to).toBe(topicArn);
  expect(toTopic.document.body).toEqual(toQueue.document.body);
});

test('a bucket gets the document with the payload, under the key that AWS makes', async () => {
  const { document, mapping, last } = await oneDiscarded(bucketArn);
  const now = new Date(last?.atMillis ?? 0).toISOString();
  const [day, second] = [now.slice(0, 10).replaceAll('-', '/'), now.slice(0, 19).replaceAll(':', '.')];
  expect(document.to).toBe('failed');
  expect(document.key).toMatch(
    new RegExp(`^aws/lambda/${mapping.state().UUID}/shardId-000000000000/${day}/${second}-[0-9a-f-]{36}$`),
  );
  const { Records } = JSON.parse(document.body.payload ?? '');
  expect(Records.map((record: { kinesis: { data: string } }) => atob(record.kinesis.data))).toEqual(['a', 'b']);
});

test('a record that became too old while its batch failed is reported without a response', async () => {
  const { clock, deliveries, documents, put, start } = await world();
  await put(['a']);
  await clock.runUntil(start({ MaximumRecordAgeInSeconds: 60, ...to(queueArn) }, () => throws()).caughtUp());
  expect(documents).toHaveLength(1);
  expect(documents[0]?.body).not.toHaveProperty('responseContext');
  expect(documents[0]?.body.requestContext).toMatchObject({
    condition: 'RecordAgeExceeded',
    approximateInvokeCount: deliveries.length,
  });
});

test('with an age limit of 60 s a function that always fails is called eight times, the last time at the limit', async () => {
  const { clock, deliveries, documents, put, start } = await world();
  const putMillis = clock.now();
  await put([...'ab']);
  await clock.runUntil(start({ MaximumRecordAgeInSeconds: 60, ...to(queueArn) }, () => throws()).caughtUp());
  expect(deliveries).toHaveLength(8);
  expect(deliveries.at(-1)?.atMillis).toBe(putMillis + 60_000);
  expect(documents[0]?.body.requestContext.approximateInvokeCount).toBe(8);
});

test('the age limit holds for each record: one of six is discarded, five are delivered', async () => {
  const { batches, clock, documents, put, start } = await world();
  const [old] = await put(['a']);
  await clock.advance(61_000);
  await put([...'bcdef']);
  await clock.runUntil(start({ MaximumRecordAgeInSeconds: 60, ...to(queueArn) }).caughtUp());
  expect(batches()).toEqual(['bcdef']);
  expect(documents.map(({ body }) => body.KinesisBatchInfo)).toMatchObject([
    { batchSize: 1, startSequenceNumber: old, endSequenceNumber: old },
  ]);
});

test('a record that was too old before the mapping existed is reported with an invoke count of 1', async () => {
  const { clock, deliveries, documents, put, start } = await world();
  await put(['a']);
  await clock.advance(100_000);
  await clock.runUntil(start({ MaximumRecordAgeInSeconds: 60, ...to(queueArn) }).caughtUp());
  expect(deliveries).toEqual([]);
  expect(documents[0]?.body.requestContext.approximateInvokeCount).toBe(1);
});

test('no record is too old with an age limit of -1', async () => {
  const { batches, clock, put, start } = await world();
  await put(['a']);
  await clock.advance(23 * 3_600_000);
  await clock.runUntil(start({ MaximumRecordAgeInSeconds: -1 }).caughtUp());
  expect(batches()).toEqual(['a']);
});

test('discarded records are lost without a destination, and the trace shows it', async () => {
  const { clock, did, documents, put, start } = await world();
  await put(['a']);
  await clock.runUntil(start({ MaximumRetryAttempts: 0 }, () => throws()).caughtUp());
  expect(documents).toEqual([]);
  expect(did('discard')).toMatchObject([{ condition: 'RetryAttemptsExhausted', destination: null, records: 1 }]);
});

test('a failing destination is retried until it has the document, and the shard waits', async () => {
  const { batches, clock, destinations, documents, did, put, start } = await world();
  const { sqs } = destinations;
  let refusals = 3;
  const flaky = Object.assign(sqs ?? {}, {
    send: ((send) => async (command: never) => {
      if (refusals-- > 0) throw awsError('ServiceUnavailable');
      return await send(command);
    })(sqs?.send.bind(sqs) as (command: never) => Promise<unknown>),
  });
  expect(flaky).toBe(sqs);
  await put([...'ab']);
  const mapping = start({ BatchSize: 1, MaximumRetryAttempts: 0, ...to(queueArn) }, ({ data }) =>
    data.includes('a') ? throws() : returns(),
  );
  await clock.runUntil(mapping.caughtUp());
  expect(documents).toHaveLength(1);
  expect(did('discard-failed')).toHaveLength(3);
  expect(batches()).toEqual(['a', 'b']);
});

test('a destination without a client is refused at the start', async () => {
  const { destinations, start } = await world();
  Object.assign(destinations, { sns: undefined });
  expect(() => start(to(topicArn))).toThrow(`no sns client for the on-failure destination ${topicArn}`);
});
