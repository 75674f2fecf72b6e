import {
  CreateStreamCommand,
  DecreaseStreamRetentionPeriodCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  IncreaseStreamRetentionPeriodCommand,
  ListStreamsCommand,
  ListTagsForResourceCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateMaxRecordSizeCommand,
} from '@aws-sdk/client-kinesis';
import { describe, expect, test } from 'vitest';
import { freshLog, startMillis } from './fresh-log.ts';

const readings = 'arn:aws:kinesis:us-east-1:000000000000:stream/readings';

describe('a stream', () => {
  test('made in provisioned mode without a ShardCount has four shards', async () => {
    const { client, clock, shards } = freshLog();
    await client.send(new CreateStreamCommand({ StreamName: 'readings' }));
    await clock.advance(100);
    expect(await shards('readings')).toHaveLength(4);
  });

  test('has the tags that it was made with', async () => {
    const { client } = freshLog();
    const Tags = { team: 'data', stage: 'dev', 'cost center': '' };
    await client.send(new CreateStreamCommand({ StreamName: 'readings', ShardCount: 1, Tags }));
    const listed = [
      { Key: 'cost center', Value: '' },
      { Key: 'stage', Value: 'dev' },
      { Key: 'team', Value: 'data' },
    ];
    expect(await client.send(new ListTagsForResourceCommand({ ResourceARN: readings }))).toMatchObject({
      Tags: listed,
    });
    const page = (input: object) => client.send(new ListTagsForStreamCommand({ StreamName: 'readings', ...input }));
    expect(await page({ Limit: 2 })).toMatchObject({ Tags: listed.slice(0, 2), HasMoreTags: true });
    expect(await page({ ExclusiveStartTagKey: 'stage' })).toMatchObject({ Tags: [listed[2]], HasMoreTags: false });
    await expect(
      client.send(new ListTagsForResourceCommand({ ResourceARN: `${readings}-of-another` })),
    ).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  test('is CREATING at first, then ACTIVE with its shards', async () => {
    const { client, clock, put } = freshLog();
    await client.send(new CreateStreamCommand({ StreamName: 'readings', ShardCount: 2 }));
    const describeStream = async () =>
      (await client.send(new DescribeStreamSummaryCommand({ StreamName: 'readings' }))).StreamDescriptionSummary;
    expect(await describeStream()).toMatchObject({ StreamStatus: 'CREATING', OpenShardCount: 0 });
    await expect(put('readings', 'early')).rejects.toBeInstanceOf(ResourceNotFoundException);
    await clock.advance(99);
    expect(await describeStream()).toMatchObject({ StreamStatus: 'CREATING' });
    await clock.advance(1);
    expect(await describeStream()).toEqual({
      StreamName: 'readings',
      StreamARN: readings,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      StreamCreationTimestamp: new Date(startMillis),
      RetentionPeriodHours: 24,
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
      OpenShardCount: 2,
      ConsumerCount: 0,
      MaxRecordSizeInKiB: 1_024,
    });
  });

  test('cannot be created under a name that is taken', async () => {
    const { client, stream } = freshLog();
    await stream('readings');
    const again = client.send(new CreateStreamCommand({ StreamName: 'readings', ShardCount: 1 }));
    await expect(again).rejects.toBeInstanceOf(ResourceInUseException);
    await expect(again).rejects.toThrow('Stream readings under account 000000000000 already exists.');
  });

  test('is DELETING at first, then gone, and a new stream of the same name is empty', async () => {
    const { client, clock, stream, put, iterator, read } = freshLog();
    await stream('readings');
    await put('readings', 'old');
    const old = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    await client.send(new DeleteStreamCommand({ StreamARN: readings }));
    const describeStream = () => client.send(new DescribeStreamCommand({ StreamName: 'readings' }));
    expect((await describeStream()).StreamDescription?.StreamStatus).toBe('DELETING');
    await expect(put('readings', 'late')).rejects.toBeInstanceOf(ResourceNotFoundException);
    await clock.advance(100);
    await expect(describeStream()).rejects.toThrow('Stream readings under account 000000000000 not found.');
    await stream('readings');
    await expect(read(old)).rejects.toBeInstanceOf(ResourceNotFoundException);
    const fresh = await iterator({ StreamName: 'readings', ShardIteratorType: 'TRIM_HORIZON' });
    expect((await read(fresh)).texts).toEqual([]);
  });

  test('is found by its ARN, only in its own region and account', async () => {
    const { client, stream } = freshLog();
    await stream('readings');
    const describeStream = (StreamARN: string) => client.send(new DescribeStreamSummaryCommand({ StreamARN }));
    expect((await describeStream(readings)).StreamDescriptionSummary?.StreamName).toBe('readings');
    await expect(describeStream(readings.replace('us-east-1', 'eu-west-1'))).rejects.toThrow('not found');
    await expect(describeStream(readings.replace('000000000000', '123456789012'))).rejects.toThrow('not found');
  });

  test('with on-demand capacity starts with four shards and cannot be resharded by its owner', async () => {
    const { client, clock, log } = freshLog();
    await client.send(
      new CreateStreamCommand({ StreamName: 'readings', StreamModeDetails: { StreamMode: 'ON_DEMAND' } }),
    );
    await clock.advance(100);
    const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamName: 'readings' }));
    expect(StreamDescription?.Shards).toHaveLength(4);
    expect(StreamDescription?.StreamModeDetails).toEqual({ StreamMode: 'ON_DEMAND' });
    const rescale = () =>
      log.updateShardCount({ StreamName: 'readings', TargetShardCount: 8, ScalingType: 'UNIFORM_SCALING' });
    expect(rescale).toThrow(expect.objectContaining({ name: 'ValidationException' }));
  });

  test('keeps records for as long as its retention period, between a day and a year', async () => {
    const { client, clock, log, stream } = freshLog();
    await stream('readings');
    const hours = async () => {
      await clock.advance(100);
      return (await client.send(new DescribeStreamSummaryCommand({ StreamName: 'readings' }))).StreamDescriptionSummary
        ?.RetentionPeriodHours;
    };
    await client.send(new IncreaseStreamRetentionPeriodCommand({ StreamName: 'readings', RetentionPeriodHours: 168 }));
    expect(() => log.increaseStreamRetentionPeriod({ StreamName: 'readings', RetentionPeriodHours: 200 })).toThrow(
      'not ACTIVE, instead in state UPDATING',
    );
    expect(await hours()).toBe(168);
    await client.send(new DecreaseStreamRetentionPeriodCommand({ StreamName: 'readings', RetentionPeriodHours: 48 }));
    expect(await hours()).toBe(48);
    const refused = [
      () => log.increaseStreamRetentionPeriod({ StreamName: 'readings', RetentionPeriodHours: 47 }),
      () => log.increaseStreamRetentionPeriod({ StreamName: 'readings', RetentionPeriodHours: 8_761 }),
      () => log.decreaseStreamRetentionPeriod({ StreamName: 'readings', RetentionPeriodHours: 49 }),
      () => log.decreaseStreamRetentionPeriod({ StreamName: 'readings', RetentionPeriodHours: 23 }),
    ];
    for (const call of refused) expect(call).toThrow(expect.objectContaining({ name: 'InvalidArgumentException' }));
  });

  test('takes larger records after UpdateMaxRecordSize', async () => {
    const { client, clock, stream } = freshLog();
    await stream('readings');
    const large = (bytes: number) =>
      client.send(new PutRecordCommand({ StreamName: 'readings', PartitionKey: 'k', Data: Buffer.alloc(bytes) }));
    await large(1_048_575);
    await expect(large(1_048_576)).rejects.toThrow("The record at 'record' has 1048577 bytes");
    await client.send(new UpdateMaxRecordSizeCommand({ StreamARN: readings, MaxRecordSizeInKiB: 2_048 }));
    await clock.advance(100);
    await large(2_097_151);
    await expect(large(2_097_152)).rejects.toThrow('2048 KiB');
  });
});

test('streams are listed by name, page by page', async () => {
  const { client, stream } = freshLog();
  for (const name of ['b', 'd', 'a', 'c']) await stream(name);
  const first = await client.send(new ListStreamsCommand({ Limit: 3 }));
  expect(first).toMatchObject({ StreamNames: ['a', 'b', 'c'], HasMoreStreams: true });
  expect(first.StreamSummaries?.map(({ StreamStatus }) => StreamStatus)).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE']);
  const second = await client.send(new ListStreamsCommand({ NextToken: first.NextToken }));
  expect(second).toMatchObject({ StreamNames: ['d'], HasMoreStreams: false });
  const after = await client.send(new ListStreamsCommand({ ExclusiveStartStreamName: 'b' }));
  expect(after.StreamNames).toEqual(['c', 'd']);
});

test('shards of a stream are described page by page', async () => {
  const { client, stream } = freshLog();
  await stream('readings', 3);
  const page = async (ExclusiveStartShardId?: string) => {
    const input = { StreamName: 'readings', Limit: 2, ...(ExclusiveStartShardId && { ExclusiveStartShardId }) };
    const { StreamDescription } = await client.send(new DescribeStreamCommand(input));
    return { ids: StreamDescription?.Shards?.map(({ ShardId }) => ShardId), more: StreamDescription?.HasMoreShards };
  };
  expect(await page()).toEqual({ ids: ['shardId-000000000000', 'shardId-000000000001'], more: true });
  expect(await page('shardId-000000000001')).toEqual({ ids: ['shardId-000000000002'], more: false });
});
