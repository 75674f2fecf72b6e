import { PutRecordCommand, UpdateMaxRecordSizeCommand } from '@aws-sdk/client-kinesis';
import { describe, expect, test } from 'vitest';
import type { MappingRequest } from '../../../../infra/emulator/mapping/configuration.ts';
import { reports, returns, serviceError, streamArn, throttled, throws, world } from './world.ts';

const reporting: Partial<MappingRequest> = { FunctionResponseTypes: ['ReportBatchItemFailures'] };

describe('a batch', () => {
  test('has at most BatchSize records', async () => {
    const { batches, clock, put, start } = await world();
    await put([...'abcdefg']);
    await clock.runUntil(start({ BatchSize: 3 }).caughtUp());
    expect(batches()).toEqual(['abc', 'def', 'g']);
  });

  test('is delivered with the first record when there is no window', async () => {
    const { batches, clock, deliveries, did, put, start } = await world();
    const mapping = start({ BatchSize: 10 });
    await clock.runUntil(mapping.caughtUp());
    const writtenMillis = clock.now();
    await put(['a']);
    await clock.runUntil(mapping.caughtUp());
    await put(['b']);
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['a', 'b']);
    expect((deliveries[0]?.atMillis ?? 0) - writtenMillis).toBeLessThanOrEqual(1_000);
    expect(did('batch').map(({ because }) => because)).toEqual(['no-more-records', 'no-more-records']);
  });

  test('waits for its window, counted from its first record, and takes the records that arrive meanwhile', async () => {
    const { batches, clock, deliveries, did, put, start } = await world();
    const mapping = start({ BatchSize: 10, MaximumBatchingWindowInSeconds: 5 });
    await clock.runUntil(mapping.settled());
    await put(['a']);
    await clock.advance(3_000);
    await put(['b']);
    await clock.advance(30_000);
    await put(['c']);
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['ab', 'c']);
    const firstRead = did('poll').find(({ records }) => records > 0)?.at ?? 0;
    expect(deliveries[0]?.atMillis).toBe(firstRead + 5_000);
    expect(did('batch').map(({ because }) => because)).toEqual(['window', 'window']);
  });

  test('does not wait for its window when it is full', async () => {
    const { batches, clock, did, put, start } = await world();
    await put([...'abcd']);
    const mapping = start({ BatchSize: 2, MaximumBatchingWindowInSeconds: 300 });
    await clock.advance(2_000);
    expect(batches()).toEqual(['ab', 'cd']);
    expect(did('batch').map(({ because }) => because)).toEqual(['batch-size', 'batch-size']);
    await clock.runUntil(mapping.delete());
  });

  test('ends before its payload, with base64, exceeds 6 MB', async () => {
    const { clock, deliveries, put, start } = await world({ limits: 'off' });
    const large = (letter: string) => letter.repeat(1_000_000);
    await put([...'abcdef'].map(large));
    await clock.runUntil(start({ MaximumBatchingWindowInSeconds: 60 }).caughtUp());
    expect(deliveries.map(({ data }) => data.map(([first]) => first).join(''))).toEqual(['abcd', 'ef']);
  });

  test('of one record that no invocation can carry fails without a call', async () => {
    const { clock, deliveries, did, log, put, start } = await world({ limits: 'off' });
    await log.send(new UpdateMaxRecordSizeCommand({ StreamARN: streamArn, MaxRecordSizeInKiB: 10_240 }));
    await clock.advance(1_000);
    await put(['x'.repeat(5_000_000)]);
    await put(['small']);
    await clock.runUntil(start({ MaximumRetryAttempts: 1 }).caughtUp());
    expect(deliveries.map(({ data }) => data)).toEqual([['small']]);
    expect(did('invocation').map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'succeeded']);
    expect(did('discard')).toMatchObject([{ condition: 'RetryAttemptsExhausted', records: 1 }]);
  });

  test('is from one shard, and shards do not wait for each other', async () => {
    const { clock, deliveries, put, start } = await world({ shards: 2 });
    const inSecond = String(2n ** 127n);
    await put(['a']);
    await put(['x', 'y'], inSecond);
    const mapping = start({ BatchSize: 1 }, ({ data }) => (data[0] === 'a' ? throws() : returns()));
    await clock.advance(10_000);
    expect(deliveries.filter(({ shardId }) => shardId.endsWith('1')).map(({ data }) => data)).toEqual([['x'], ['y']]);
    expect(new Set(deliveries.filter(({ shardId }) => shardId.endsWith('0')).flatMap(({ data }) => data))).toEqual(
      new Set(['a']),
    );
    await clock.runUntil(mapping.delete());
  });

  test('is delivered only when the previous invocation has ended', async () => {
    const { batches, clock, put, start } = await world();
    await put([...'abcd']);
    let underWay = 0;
    let most = 0;
    const mapping = start({ BatchSize: 1 }, async () => {
      most = Math.max(most, ++underWay);
      await clock.sleep(700);
      underWay--;
      return returns();
    });
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['a', 'b', 'c', 'd']);
    expect(most).toBe(1);
  });

  test('has the form of a Kinesis event', async () => {
    const { clock, deliveries, log, put, start } = await world();
    await clock.advance(123);
    const arrivalMillis = clock.now();
    const PartitionKey = 'schlüssel "1"';
    const { SequenceNumber: sequenceNumber } = await log.send(
      new PutRecordCommand({ StreamARN: streamArn, Data: Buffer.from('é"'), PartitionKey }),
    );
    await put(['b']);
    await clock.runUntil(start({}).caughtUp());
    const { Records } = JSON.parse(deliveries[0]?.payload ?? '');
    expect(Records).toHaveLength(2);
    expect(Records[0]).toEqual({
      kinesis: {
        kinesisSchemaVersion: '1.0',
        partitionKey: PartitionKey,
        sequenceNumber,
        data: Buffer.from('é"').toString('base64'),
        approximateArrivalTimestamp: arrivalMillis / 1_000,
      },
      eventSource: 'aws:kinesis',
      eventVersion: '1.0',
      eventID: `shardId-000000000000:${sequenceNumber}`,
      eventName: 'aws:kinesis:record',
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/lambda-role',
      awsRegion: 'us-east-1',
      eventSourceARN: streamArn,
    });
  });
});

describe('an answer', () => {
  test.each([
    ['nothing', ''],
    ['null', 'null'],
    ['{}', '{}'],
    ['[]', '[]'],
    ['""', '""'],
    ['no batchItemFailures', '{"statusCode":200}'],
    ['batchItemFailures null', '{"batchItemFailures":null}'],
    ['batchItemFailures empty', '{"batchItemFailures":[]}'],
  ])('of %s is a success', async (_, payload) => {
    const { batches, clock, put, start } = await world();
    await put([...'ab']);
    await clock.runUntil(start(reporting, () => ({ outcome: 'returned', payload })).caughtUp());
    expect(batches()).toEqual(['ab']);
  });

  test.each([
    ['an empty itemIdentifier', [{ itemIdentifier: '' }], /itemIdentifier "" is not a sequence number of the batch/],
    ['a null itemIdentifier', [{ itemIdentifier: null }], /an itemIdentifier must be a string/],
    ['an itemIdentifier that is a number', [{ itemIdentifier: 123 }], /an itemIdentifier must be a string/],
    ['a misspelt itemIdentifier', [{ itemIdentifer: '1' }], /an itemIdentifier must be a string/],
    ['an item that is no object', ['1'], /an itemIdentifier must be a string/],
    ['an itemIdentifier of another batch', [{ itemIdentifier: '1' }], /"1" is not a sequence number of the batch/],
    ['a good itemIdentifier beside a bad one', 'first and bad', /an itemIdentifier must be a string/],
    ['batchItemFailures that is no list', { 0: 'x' }, /batchItemFailures is .* not a list/],
  ])('with %s fails the whole batch, and the trace says why', async (_, failures, why) => {
    const { batches, clock, did, put, start } = await world();
    const [first] = await put([...'ab']);
    const batchItemFailures =
      failures === 'first and bad' ? [{ itemIdentifier: first }, { itemIdentifier: null }] : failures;
    const mapping = start(reporting, (__, number) => (number === 1 ? returns({ batchItemFailures }) : returns()));
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['ab', 'ab']);
    expect(did('invocation')[0]).toMatchObject({ outcome: 'failed', why: expect.stringMatching(why) });
  });

  test('of any kind is a success without ReportBatchItemFailures', async () => {
    const { batches, clock, put, start } = await world();
    const [first] = await put([...'ab']);
    await clock.runUntil(start({}, () => reports(first)).caughtUp());
    expect(batches()).toEqual(['ab']);
  });

  test('with several failures moves the checkpoint to the lowest sequence number, and all records from it on are delivered again', async () => {
    const { batches, clock, put, start } = await world();
    const sequenceNumbers = await put([...'abcde']);
    const mapping = start(reporting, (_, number) =>
      number === 1 ? reports(sequenceNumbers[3], sequenceNumbers[1]) : returns(),
    );
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['abcde', 'bcde']);
  });
});

describe('a failing batch', () => {
  test('holds its shard until it succeeds', async () => {
    const { batches, clock, put, start } = await world();
    await put([...'abcd']);
    const mapping = start({ BatchSize: 2 }, (_, number) => (number <= 4 ? throws() : returns()));
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['ab', 'ab', 'ab', 'ab', 'ab', 'cd']);
  });

  test('is retried after a back-off that doubles up to a minute', async () => {
    const { clock, did, put, start } = await world();
    await put(['a']);
    await clock.runUntil(start({}, (_, number) => (number <= 9 ? throws() : returns())).caughtUp());
    const waits = did('retry').map(({ afterMillis }) => afterMillis);
    expect(waits).toHaveLength(9);
    for (const [index, wait] of waits.entries()) {
      const whole = Math.min(60_000, 1_000 * 2 ** index);
      expect(wait).toBeGreaterThanOrEqual(whole / 2);
      expect(wait).toBeLessThanOrEqual(whole);
    }
  });

  test('is retried MaximumRetryAttempts times, then discarded, and the shard continues', async () => {
    const { batches, clock, put, start } = await world();
    await put([...'abcd']);
    const mapping = start({ BatchSize: 2, MaximumRetryAttempts: 2 }, ({ data }) =>
      data.includes('a') ? throws() : returns(),
    );
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['ab', 'ab', 'ab', 'cd']);
  });

  test('is discarded after one failure with MaximumRetryAttempts 0', async () => {
    const { batches, clock, put, start } = await world();
    await put([...'ab']);
    await clock.runUntil(start({ BatchSize: 1, MaximumRetryAttempts: 0 }, () => throws()).caughtUp());
    expect(batches()).toEqual(['a', 'b']);
  });

  test.each([
    ['throttles', throttled],
    ['service errors', serviceError],
  ])('uses no retry for %s, which are retried after a back-off', async (_, refusal) => {
    const { clock, deliveries, documents, did, put, start } = await world();
    await put(['a']);
    const mapping = start({ MaximumRetryAttempts: 1 }, (__, number) =>
      number <= 20 ? refusal : number === 21 ? throws() : returns(),
    );
    await clock.runUntil(mapping.caughtUp());
    expect(deliveries).toHaveLength(22);
    expect(deliveries.map(({ attempt }) => attempt)).toEqual([...Array(21).fill(1), 2]);
    expect(did('retry').every(({ afterMillis }) => afterMillis >= 500)).toBe(true);
    expect(documents).toEqual([]);
  });

  test('whose function cannot be called is retried until its records are too old', async () => {
    const { clock, deliveries, did, put, start } = await world();
    await put(['a']);
    await clock.runUntil(start({ MaximumRetryAttempts: 0, MaximumRecordAgeInSeconds: 60 }, () => throttled).caughtUp());
    expect(deliveries.length).toBeGreaterThan(3);
    expect(did('discard')).toMatchObject([{ condition: 'RecordAgeExceeded' }]);
  });

  test('is split in halves with BisectBatchOnFunctionError, which uses no retry', async () => {
    const { batches, clock, documents, put, start } = await world();
    await put([...'abcdefgh']);
    const mapping = start({ BisectBatchOnFunctionError: true, MaximumRetryAttempts: 0 }, ({ data }) =>
      data.includes('f') ? throws() : returns(),
    );
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['abcdefgh', 'abcd', 'efgh', 'ef', 'e', 'f', 'gh']);
    expect(documents).toEqual([]);
  });

  test('of one record is retried, not split', async () => {
    const { batches, clock, put, start } = await world();
    await put(['a']);
    const mapping = start({ BisectBatchOnFunctionError: true, MaximumRetryAttempts: 2 }, () => throws());
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['a', 'a', 'a']);
  });

  test('is not split without BisectBatchOnFunctionError', async () => {
    const { batches, clock, put, start } = await world();
    await put([...'ab']);
    await clock.runUntil(start({ MaximumRetryAttempts: 1 }, () => throws()).caughtUp());
    expect(batches()).toEqual(['ab', 'ab']);
  });

  test.each([true, false])(
    'with a reported failure is cut there, and only the rest is delivered again (bisect %s)',
    async (BisectBatchOnFunctionError) => {
      const { batches, clock, put, start } = await world();
      const sequenceNumbers = await put([...'abcdef']);
      const mapping = start({ ...reporting, BisectBatchOnFunctionError }, (_, number) =>
        number === 1 ? reports(sequenceNumbers[4]) : returns(),
      );
      await clock.runUntil(mapping.caughtUp());
      expect(batches()).toEqual(['abcdef', 'ef']);
    },
  );

  test('with a reported failure counts retries from the cut, as recorded on AWS', async () => {
    const { batches, clock, documents, put, start } = await world();
    const sequenceNumbers = await put([...'012345']);
    const mapping = start(
      {
        ...reporting,
        BatchSize: 3,
        MaximumBatchingWindowInSeconds: 1,
        MaximumRetryAttempts: 3,
        DestinationConfig: { OnFailure: { Destination: 'arn:aws:sqs:us-east-1:000000000000:failed' } },
      },
      ({ data }) => (data.includes('5') ? reports(sequenceNumbers[5]) : returns()),
    );
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['012', '345', '5', '5', '5', '5']);
    expect(documents).toHaveLength(1);
    expect(documents[0]?.body).toMatchObject({
      requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 4 },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: null },
      KinesisBatchInfo: { batchSize: 1, startSequenceNumber: sequenceNumbers[5] },
    });
  });
});

test('a re-balance can deliver records again, in batches cut differently', async () => {
  const { batches, clock, put, start } = await world();
  await put([...'abc']);
  const mapping = start({ BatchSize: 10 }, async (_, number) => {
    await clock.sleep(500);
    if (number === 1) {
      await put(['d']);
      mapping.rebalance();
    }
    return returns();
  });
  await clock.runUntil(mapping.caughtUp());
  await clock.runUntil(mapping.caughtUp());
  expect(batches()).toEqual(['abc', 'abcd']);
});
