import { describe, expect, test } from 'vitest';
import { LogError } from '../../../../infra/emulator/log/log-error.ts';
import { freshLog, shardId, startMillis } from './fresh-log.ts';

const StreamName = 'readings';
const Data = Buffer.from('x');
const record = { PartitionKey: 'k', Data };
const iterator = { StreamName, ShardId: shardId(0) };
const tooLong = 'x'.repeat(257);
const other = '49590338271490256608559692538361571095921575989136588898';

/** The error's name and message, in the service's words. */
function violation(value: string, member: string, constraint: string): string {
  return `ValidationException: 1 validation error detected: Value ${value} at '${member}' failed to satisfy constraint: ${constraint}`;
}

const refusals: [operation: string, input: object, error: string | RegExp][] = [
  ['CreateStream', { ShardCount: 1 }, violation('null', 'streamName', 'Member must not be null')],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 0 },
    violation("'0'", 'shardCount', 'Member must have value greater than or equal to 1'),
  ],
  [
    'CreateStream',
    { StreamName: 'a b', ShardCount: 1 },
    violation("'a b'", 'streamName', 'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+'),
  ],
  [
    'CreateStream',
    { StreamName: 'x'.repeat(129), ShardCount: 1 },
    /at 'streamName' .* length less than or equal to 128$/,
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, StreamModeDetails: { StreamMode: 'ON_DEMAND' } },
    /^ValidationException: ShardCount must not be given .* '1'$/,
  ],
  [
    'CreateStream',
    { StreamName: 'new', StreamModeDetails: { StreamMode: 'FREE' } },
    violation("'FREE'", 'streamModeDetails.streamMode', 'Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]'),
  ],
  [
    'CreateStream',
    { StreamName: 'new', StreamModeDetails: {} },
    violation('null', 'streamModeDetails.streamMode', 'Member must not be null'),
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, MaxRecordSizeInKiB: 1_023 },
    violation("'1023'", 'maxRecordSizeInKiB', 'Member must have value greater than or equal to 1024'),
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, Tags: { ['k'.repeat(129)]: 'b' } },
    /^InvalidArgumentException: The key 'k+' of a tag has 129 characters: give 1 to 128$/,
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, Tags: { 'aws:a': 'b' } },
    "InvalidArgumentException: The key 'aws:a' of a tag begins with 'aws:', which AWS keeps",
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, Tags: { a: 'v'.repeat(257) } },
    /^InvalidArgumentException: The value 'v+' of the tag 'a' is not a string of up to 256 characters$/,
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, Tags: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, ''])) },
    'InvalidArgumentException: 51 tags: a stream has at most 50',
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, WarmThroughputMiBps: 1 },
    "InvalidArgumentException: 'WarmThroughputMiBps' is not simulated: leave it out",
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: 1, RecordDistributionStrategy: 'AUTO' },
    /^InvalidArgumentException: 'RecordDistributionStrategy' AUTO is not simulated/,
  ],
  [
    'CreateStream',
    { StreamName: 'new', ShardCount: '1' },
    'SerializationException: shardCount: a string can not be converted to a integer',
  ],
  ['DeleteStream', {}, 'InvalidArgumentException: Either StreamARN or StreamName must be given.'],
  [
    'DeleteStream',
    { StreamName: 'other' },
    'ResourceNotFoundException: Stream other under account 000000000000 not found.',
  ],
  [
    'DescribeStream',
    { StreamName, Limit: 10_001 },
    violation("'10001'", 'limit', 'Member must have value less than or equal to 10000'),
  ],
  ['DescribeStreamSummary', { StreamARN: 'readings' }, /at 'streamARN' .* pattern: arn:aws/],
  [
    'DescribeStreamSummary',
    { StreamName, StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/other' },
    /^InvalidArgumentException: StreamName readings is not the name in StreamARN/,
  ],
  ['PutRecord', { ...record }, /^InvalidArgumentException: Either StreamARN or StreamName/],
  ['PutRecord', { StreamName, PartitionKey: 'k' }, violation('null', 'data', 'Member must not be null')],
  ['PutRecord', { StreamName, Data }, violation('null', 'partitionKey', 'Member must not be null')],
  [
    'PutRecord',
    { StreamName, Data, PartitionKey: '' },
    violation("''", 'partitionKey', 'Member must have length greater than or equal to 1'),
  ],
  [
    'PutRecord',
    { StreamName, Data, PartitionKey: tooLong },
    violation(`'${tooLong}'`, 'partitionKey', 'Member must have length less than or equal to 256'),
  ],
  [
    'PutRecord',
    { StreamName, PartitionKey: 'k', Data: Buffer.alloc(10_485_761) },
    violation("'10485761 bytes'", 'data', 'Member must have length less than or equal to 10485760'),
  ],
  [
    'PutRecord',
    { StreamName, PartitionKey: 'k', Data: 'x' },
    'SerializationException: data: a string can not be converted to a blob',
  ],
  [
    'PutRecord',
    { StreamName, ...record, ExplicitHashKey: '01' },
    violation("'01'", 'explicitHashKey', 'Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})'),
  ],
  [
    'PutRecord',
    { StreamName, ...record, ExplicitHashKey: (2n ** 128n).toString() },
    `InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${2n ** 128n}`,
  ],
  [
    'PutRecord',
    { StreamName, ...record, SequenceNumberForOrdering: other },
    `InvalidArgumentException: ExclusiveMinimumSequenceNumber ${other} used in PutRecord on stream readings under account 000000000000 is invalid.`,
  ],
  ['PutRecords', { StreamName }, violation('null', 'records', 'Member must not be null')],
  [
    'PutRecords',
    { StreamName, Records: [] },
    violation("'[0 members]'", 'records', 'Member must have length greater than or equal to 1'),
  ],
  [
    'PutRecords',
    { StreamName, Records: Array(501).fill(record) },
    violation("'[501 members]'", 'records', 'Member must have length less than or equal to 500'),
  ],
  [
    'PutRecords',
    { StreamName, Records: [record, { Data }] },
    violation('null', 'records.2.member.partitionKey', 'Member must not be null'),
  ],
  [
    'PutRecords',
    { StreamName, Records: [record, { PartitionKey: 'k' }] },
    violation('null', 'records.2.member.data', 'Member must not be null'),
  ],
  [
    'PutRecords',
    { StreamName, Records: [{ ...record, ExplicitHashKey: '-1' }] },
    /at 'records.1.member.explicitHashKey' .* pattern/,
  ],
  [
    'PutRecords',
    { StreamName, Records: [record, { PartitionKey: 'k', Data: Buffer.alloc(1_048_576) }] },
    /^InvalidArgumentException: The record at 'records.2.member' has 1048577 bytes.* 1024 KiB/,
  ],
  [
    'PutRecords',
    { StreamName, Records: [record, null] },
    'SerializationException: records.2.member.input: a null can not be converted to a structure',
  ],
  [
    'PutRecords',
    { StreamName, Records: 'all' },
    'SerializationException: records: a string can not be converted to a list',
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'FIRST' },
    violation(
      "'FIRST'",
      'shardIteratorType',
      'Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]',
    ),
  ],
  [
    'GetShardIterator',
    { StreamName, ShardId: shardId(1), ShardIteratorType: 'LATEST' },
    'ResourceNotFoundException: Shard shardId-000000000001 in stream readings under account 000000000000 does not exist',
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'AT_SEQUENCE_NUMBER' },
    /^InvalidArgumentException: Must either specify .* Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber\.$/,
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'LATEST', StartingSequenceNumber: '1' },
    /Request specified LATEST and also a StartingSequenceNumber\.$/,
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: 'x' },
    /at 'startingSequenceNumber' .* pattern/,
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '12' },
    'InvalidArgumentException: StartingSequenceNumber 12 used in GetShardIterator on shard shardId-000000000000 in stream readings under account 000000000000 is invalid.',
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: other },
    'InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000006, while it was used in a call to a shard with shardId-000000000000',
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'AT_TIMESTAMP' },
    /^InvalidArgumentException: Must specify timestampInMillis parameter/,
  ],
  [
    'GetShardIterator',
    { ...iterator, ShardIteratorType: 'AT_TIMESTAMP', Timestamp: new Date(startMillis + 101) },
    /timestampInMillis: 1769860800101, currentTimestampInMillis: 1769860800100$/,
  ],
  ['GetRecords', { ShardIterator: 'AAAAAAAAAAE=' }, 'InvalidArgumentException: Invalid ShardIterator.'],
  ['GetRecords', { ShardIterator: 'x'.repeat(513) }, /at 'shardIterator' .* length less than or equal to 512$/],
  [
    'GetRecords',
    { ShardIterator: 'x', Limit: 0 },
    violation("'0'", 'limit', 'Member must have value greater than or equal to 1'),
  ],
  ['GetRecords', {}, violation('null', 'shardIterator', 'Member must not be null')],
  [
    'ListShards',
    { StreamName: 'other' },
    'ResourceNotFoundException: Stream other under account 000000000000 not found.',
  ],
  [
    'ListShards',
    { StreamName, ShardFilter: { Type: 'AFTER_SHARD_ID' } },
    'InvalidArgumentException: ShardFilter.ShardId must be given with ShardFilter.Type AFTER_SHARD_ID.',
  ],
  [
    'ListShards',
    { StreamName, ShardFilter: { Type: 'AT_LATEST', Timestamp: new Date(0) } },
    'InvalidArgumentException: ShardFilter.Timestamp cannot be given with ShardFilter.Type AT_LATEST.',
  ],
  ['ListShards', { StreamName, ShardFilter: { Type: 'SOME' } }, /at 'shardFilter.type' .* enum value set/],
  ['ListShards', { NextToken: 'x' }, 'InvalidArgumentException: Invalid NextToken.'],
  ['ListStreams', { NextToken: 'x' }, 'InvalidArgumentException: Invalid NextToken.'],
  [
    'SplitShard',
    { StreamName, ShardToSplit: shardId(7), NewStartingHashKey: '9' },
    'ResourceNotFoundException: Shard shardId-000000000007 in stream readings under account 000000000000 does not exist',
  ],
  [
    'SplitShard',
    { StreamName, ShardToSplit: shardId(0), NewStartingHashKey: 'half' },
    /at 'newStartingHashKey' .* pattern/,
  ],
  [
    'MergeShards',
    { StreamName, ShardToMerge: shardId(0) },
    violation('null', 'adjacentShardToMerge', 'Member must not be null'),
  ],
  [
    'UpdateShardCount',
    { StreamName, TargetShardCount: 2, ScalingType: 'SOME' },
    violation("'SOME'", 'scalingType', 'Member must satisfy enum value set: [UNIFORM_SCALING]'),
  ],
  [
    'UpdateMaxRecordSize',
    { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/readings', MaxRecordSizeInKiB: 10_241 },
    violation("'10241'", 'maxRecordSizeInKiB', 'Member must have value less than or equal to 10240'),
  ],
  [
    'RegisterStreamConsumer',
    { StreamName },
    'UnknownOperationException: Unknown operation RegisterStreamConsumer: this log does not have it',
  ],
  ['toString', {}, 'UnknownOperationException: Unknown operation toString: this log does not have it'],
];

describe("input that AWS refuses gets AWS's error, which names the member", () => {
  test.each(refusals)('%s %o', async (operation, input, error) => {
    const { log, stream } = freshLog();
    await stream(StreamName);
    const before = log.describeStream({ StreamName });
    expect(errorOf(() => log.call(operation, input))).toMatch(error);
    expect(log.describeStream({ StreamName })).toEqual(before);
  });
});

test('one error names all wrong members', async () => {
  const { log } = freshLog();
  expect(errorOf(() => log.call('GetShardIterator', { StreamName: '', ShardIteratorType: 'X' }))).toBe(
    'ValidationException: 4 validation errors detected: ' +
      "Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; " +
      "Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
      "Value null at 'shardId' failed to satisfy constraint: Member must not be null; " +
      "Value 'X' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: " +
      '[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]',
  );
});

test('a changed iterator is refused', async () => {
  const { log, stream } = freshLog();
  await stream(StreamName);
  const { ShardIterator = '' } = log.getShardIterator({ ...iterator, ShardIteratorType: 'LATEST' });
  for (const index of [0, 12, 40, ShardIterator.length - 3]) {
    const letter = ShardIterator[index] === 'B' ? 'C' : 'B';
    const changed = ShardIterator.slice(0, index) + letter + ShardIterator.slice(index + 1);
    expect(errorOf(() => log.getRecords({ ShardIterator: changed }))).toBe(
      'InvalidArgumentException: Invalid ShardIterator.',
    );
  }
});

test('the shards of a stream in creation cannot be listed', async () => {
  const { log } = freshLog();
  log.createStream({ StreamName, ShardCount: 1 });
  expect(errorOf(() => log.listShards({ StreamName }))).toBe(
    'ResourceInUseException: Stream readings under account 000000000000 not ACTIVE, instead in state CREATING',
  );
});

function errorOf(call: () => unknown): string {
  try {
    return `no error, but ${JSON.stringify(call())}`;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return `${error.name}: ${error.message}`;
  }
}
