import type { Call } from './differential.ts';

/** A difference between the log and kinesis-local that stays, with the part of AWS's documentation that decides it. */
export interface Difference {
  readonly title: string;
  /** A quotation of AWS's documentation. */
  readonly documentation: string;
  readonly page: string;
  /** Calls that show the difference: the two answer the last one differently. */
  readonly example: readonly Call[];
  /** Parts of the two answers. */
  readonly ours: object;
  readonly theirs: object;
}

/** A difference in one member that many answers have. The comparison leaves that member out. */
export interface MemberDifference extends Difference {
  readonly member: string;
}

const api = (name: string) => `https://docs.aws.amazon.com/kinesis/latest/APIReference/API_${name}.html`;
const cli = (name: string) => `https://docs.aws.amazon.com/cli/latest/reference/kinesis/${name}.html`;

const created: Call = { call: 'create', shards: 2 };
const put: Call = { call: 'put', entry: { key: 'a', hash: 1, text: 'x' } };
const split: Call = { call: 'split', shard: 0, eighth: 4 };
const invalid = { error: 'ValidationException' };
const unusable = { error: 'InvalidArgumentException' };

/** Members that break the model's constraints: each operation's page lists ValidationException for them. */
const failedValidation = {
  documentation:
    'The request failed validation. For example, a parameter value is not valid, a combination of parameters is not supported',
  page: 'https://docs.aws.amazon.com/botocore/latest/reference/services/kinesis/client/exceptions/ValidationException.html',
};

export const memberDifferences: readonly MemberDifference[] = [
  {
    title: 'the answer for a record that is not encrypted has no EncryptionType',
    member: 'EncryptionType',
    documentation:
      'PutRecord returns the shard ID of where the data record was placed and the sequence number that was assigned to the data record.',
    page: api('PutRecord'),
    example: [created, put],
    ours: { shard: 'shardId-000000000000' },
    theirs: { EncryptionType: 'NONE' },
  },
  {
    title: 'DescribeStreamSummary shows the largest record size, also when it is the default',
    member: 'MaxRecordSizeInKiB',
    documentation:
      'The maximum record size of a single record in kibibyte (KiB) that you can write to, and read from a stream.',
    page: api('StreamDescriptionSummary'),
    example: [created, { call: 'describe' }],
    ours: { MaxRecordSizeInKiB: 1_024 },
    theirs: { OpenShardCount: 2 },
  },
  {
    title: 'UpdateShardCount returns the ARN of the stream',
    member: 'hasArn',
    documentation: 'The ARN of the stream.',
    page: api('UpdateShardCount'),
    example: [created, { call: 'rescale', to: 4 }],
    ours: { hasArn: true },
    theirs: { hasArn: false },
  },
  {
    title: 'equal ranges divide 2^128 hash keys, not one fewer',
    member: 'firstKey',
    documentation: 'An MD5 hash function is used to map partition keys to 128-bit integer values',
    page: api('PutRecord'),
    example: [created, { call: 'list' }],
    ours: { 1: { firstKey: '170141183460469231731687303715884105728' } },
    theirs: { 1: { firstKey: '170141183460469231731687303715884105727' } },
  },
  {
    title: 'a closed shard ends with a sequence number of its own',
    member: 'endDigits',
    documentation:
      'The ending sequence number for the range. Shards that are in the OPEN state have an ending sequence number of null.',
    page: api('SequenceNumberRange'),
    example: [created, split, { call: 'list' }],
    ours: { 0: { isOpen: false, endDigits: 56 } },
    theirs: { 0: { isOpen: false, endDigits: 19 } },
  },
  {
    title: 'MillisBehindLatest counts from now, not from the arrival of the last record',
    member: 'isBehind',
    documentation:
      'The number of milliseconds the GetRecords response is from the tip of the stream, indicating how far behind current time the consumer is.',
    page: api('GetRecords'),
    example: [
      created,
      { call: 'put many', entries: Array(2).fill({ key: 'a', hash: 1, text: 'x' }) },
      { call: 'read', shard: 0, from: 'TRIM_HORIZON', limit: 1 },
    ],
    ours: { 0: { records: [{ put: 0 }], isBehind: true } },
    theirs: { 0: { records: [{ put: 0 }], isBehind: false } },
  },
  {
    title: 'MillisBehindLatest at the end of a closed shard is the time since the shard was closed',
    member: 'isBehindTheEnd',
    documentation: '{ "Records": [], "MillisBehindLatest": 80742000 }',
    page: cli('get-records'),
    example: [created, split, { call: 'read', shard: 0, from: 'TRIM_HORIZON', limit: 1 }],
    ours: { 0: { hasNext: false, isBehindTheEnd: true } },
    theirs: { 0: { hasNext: false, isBehindTheEnd: false } },
  },
];

export const callDifferences: readonly Difference[] = [
  {
    title: 'CreateStream refuses a ShardCount of 0',
    documentation: 'Valid Range: Minimum value of 1.',
    page: api('CreateStream'),
    example: [{ call: 'create', shards: 0 }],
    ours: invalid,
    theirs: { error: 'LimitExceededException' },
  },
  {
    title: 'UpdateShardCount refuses a target of 0',
    documentation: 'Valid Range: Minimum value of 1.',
    page: api('UpdateShardCount'),
    example: [created, { call: 'rescale', to: 0 }],
    ours: invalid,
    theirs: unusable,
  },
  {
    title: 'UpdateShardCount refuses a target of 0 for a stream of one shard',
    documentation: 'Valid Range: Minimum value of 1.',
    page: api('UpdateShardCount'),
    example: [
      { call: 'create', shards: 1 },
      { call: 'rescale', to: 0 },
    ],
    ours: invalid,
    theirs: { TargetShardCount: 0 },
  },
  {
    title: 'UpdateShardCount refuses 1 of 3 shards: less than half',
    documentation: 'Scale down below half your current shard count for a stream',
    page: api('UpdateShardCount'),
    example: [
      { call: 'create', shards: 3 },
      { call: 'rescale', to: 1 },
    ],
    ours: unusable,
    theirs: { CurrentShardCount: 3, TargetShardCount: 1 },
  },
  {
    title: 'UpdateShardCount refuses 2 of 5 shards: less than half',
    documentation: 'Scale down below half your current shard count for a stream',
    page: api('UpdateShardCount'),
    example: [
      { call: 'create', shards: 5 },
      { call: 'rescale', to: 2 },
    ],
    ours: unusable,
    theirs: { CurrentShardCount: 5, TargetShardCount: 2 },
  },
  {
    title: 'UpdateShardCount refuses 3 of 7 shards: less than half',
    documentation: 'Scale down below half your current shard count for a stream',
    page: api('UpdateShardCount'),
    example: [
      { call: 'create', shards: 7 },
      { call: 'rescale', to: 3 },
    ],
    ours: unusable,
    theirs: { CurrentShardCount: 7, TargetShardCount: 3 },
  },
  {
    title: 'UpdateShardCount refuses an on-demand stream',
    documentation: 'This API is only supported for the data streams with the provisioned capacity mode.',
    page: api('UpdateShardCount'),
    example: [
      { call: 'create', onDemand: true },
      { call: 'rescale', to: 5 },
    ],
    ours: invalid,
    theirs: { CurrentShardCount: 4 },
  },
  {
    title: 'UpdateShardCount leaves equal shards',
    documentation: 'Uniform scaling creates shards of equal size.',
    page: api('UpdateShardCount'),
    example: [created, { call: 'rescale', to: 3 }],
    ours: { areEqual: true },
    theirs: { areEqual: false },
  },
  {
    title: 'PutRecord refuses an empty key with a ValidationException',
    ...failedValidation,
    example: [created, { call: 'put', entry: { key: '', text: 'x' } }],
    ours: invalid,
    theirs: unusable,
  },
  {
    title: 'PutRecords needs at least one record',
    documentation: 'Array Members: Minimum number of 1 item. Maximum number of 500 items.',
    page: api('PutRecords'),
    example: [created, { call: 'put many', entries: [] }],
    ours: invalid,
    theirs: { FailedRecordCount: 0 },
  },
  {
    title: 'PutRecords takes at most 500 records',
    documentation: 'Each PutRecords request can support up to 500 records.',
    page: api('PutRecords'),
    example: [created, { call: 'put many', entries: Array(501).fill({ key: 'a', text: 'x' }) }],
    ours: invalid,
    theirs: { FailedRecordCount: 0 },
  },
  {
    title: 'GetRecords refuses a Limit of 0 with a ValidationException',
    documentation: 'Valid Range: Minimum value of 1. Maximum value of 10000.',
    page: api('GetRecords'),
    example: [created, { call: 'read', shard: 0, from: 'TRIM_HORIZON', limit: 0 }],
    ours: invalid,
    theirs: unusable,
  },
  {
    title: 'GetRecords refuses a token that is not an iterator with an InvalidArgumentException',
    documentation: "A specified parameter exceeds its restrictions, is not supported, or can't be used.",
    page: api('GetRecords'),
    example: [created, { call: 'read again', token: 'garbage' }],
    ours: unusable,
    theirs: { error: 'Unknown' },
  },
  {
    title: 'GetShardIterator refuses a sequence number with TRIM_HORIZON',
    documentation: 'Used with shard iterator type AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER.',
    page: api('GetShardIterator'),
    example: [created, put, { call: 'read', shard: 0, from: 'TRIM_HORIZON', record: 0, limit: 1 }],
    ours: unusable,
    theirs: { 0: { records: [{ put: 0 }] } },
  },
  {
    title: 'GetShardIterator refuses a sequence number with LATEST',
    documentation: 'Used with shard iterator type AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER.',
    page: api('GetShardIterator'),
    example: [created, put, { call: 'read', shard: 0, from: 'LATEST', record: 0, limit: 1 }],
    ours: unusable,
    theirs: { 0: { records: [] } },
  },
  {
    title: 'GetShardIterator refuses a sequence number of no shard with an InvalidArgumentException',
    documentation: "A specified parameter exceeds its restrictions, is not supported, or can't be used.",
    page: api('GetShardIterator'),
    example: [created, put, { call: 'read', shard: 0, from: 'AT_SEQUENCE_NUMBER', record: 'none of ours', limit: 1 }],
    ours: unusable,
    theirs: { error: 'ResourceNotFoundException' },
  },
  {
    title: 'GetShardIterator refuses a sequence number of no shard also when the shard is empty',
    documentation: "A specified parameter exceeds its restrictions, is not supported, or can't be used.",
    page: api('GetShardIterator'),
    example: [created, { call: 'read', shard: 0, from: 'AT_SEQUENCE_NUMBER', record: 'none of ours', limit: 1 }],
    ours: unusable,
    theirs: { 0: { records: [] } },
  },
  {
    title: 'AFTER_SHARD_ID of a missing shard lists no shard before it',
    documentation:
      'AFTER_SHARD_ID - the response includes all the shards, starting with the shard whose ID immediately follows the ShardId that you provided.',
    page: api('ShardFilter'),
    example: [
      { call: 'create', shards: 1 },
      { call: 'list', filter: 'AFTER_SHARD_ID' },
    ],
    ours: { length: 0 },
    theirs: { 0: { ShardId: 'shardId-000000000000' } },
  },
  {
    title: 'SplitShard refuses a shard that was split before with an InvalidArgumentException',
    documentation: 'If the stream is in the ACTIVE state, you can call SplitShard.',
    page: api('SplitShard'),
    example: [created, split, { call: 'split', shard: 0, eighth: 2 }],
    ours: unusable,
    theirs: { error: 'ResourceInUseException' },
  },
  {
    title: 'MergeShards refuses a shard that was merged before with an InvalidArgumentException',
    documentation: 'If the stream is in the ACTIVE state, you can call MergeShards.',
    page: api('MergeShards'),
    example: [created, { call: 'merge', shard: 0, adjacent: 1 }, { call: 'merge', shard: 0, adjacent: 1 }],
    ours: unusable,
    theirs: { error: 'ResourceInUseException' },
  },
  {
    title: 'SplitShard refuses the start of a shard, which would leave one child without keys',
    documentation: 'All the lower hash key values in the range are distributed to the other child shard.',
    page: api('SplitShard'),
    example: [created, { call: 'split', shard: 1, eighth: 0 }],
    ours: unusable,
    theirs: {},
  },
  {
    title: 'SplitShard refuses the end of a shard, which would leave one child with a single key',
    documentation: 'The value for NewStartingHashKey must be in the range of hash keys being mapped into the shard.',
    page: api('SplitShard'),
    example: [created, { call: 'split', shard: 1, eighth: 8 }],
    ours: unusable,
    theirs: {},
  },
  {
    title: 'MergeShards takes two adjoining shards in either order',
    documentation:
      'Two shards are considered adjacent if the union of the hash key ranges for the two shards form a contiguous set with no gaps.',
    page: api('MergeShards'),
    example: [created, { call: 'merge', shard: 1, adjacent: 0 }],
    ours: {},
    theirs: unusable,
  },
  {
    title: 'UpdateMaxRecordSize refuses a size out of its range with a ValidationException',
    documentation:
      'If you specify a value that is out of this range, UpdateMaxRecordSize sends back an ValidationException message.',
    page: api('UpdateMaxRecordSize'),
    example: [created, { call: 'take larger', kib: 5 }],
    ours: invalid,
    theirs: unusable,
  },
];

/** Removes the members in which the two always differ. */
export function withoutKnownMembers(answer: unknown): unknown {
  const known = new Set(memberDifferences.map(({ member }) => member));
  return JSON.parse(JSON.stringify(answer, (member, value) => (known.has(member) ? undefined : value)));
}

/** Finds the listed difference that explains two answers to a call. */
export function explanationOf(call: Call, ours: unknown, theirs: unknown): Difference | undefined {
  return callDifferences.find((difference) => {
    const isKind = difference.example.at(-1)?.call === call.call;
    return isKind && hasAllOf(ours, difference.ours) && hasAllOf(theirs, difference.theirs);
  });
}

export function hasAllOf(answer: unknown, part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return Object.is(answer, part);
  if (typeof answer !== 'object' || answer === null) return false;
  // An answer without an error is not part of one with an error.
  if ('error' in answer && !('error' in part)) return false;
  return Object.entries(part).every(([member, value]) => hasAllOf(Reflect.get(answer, member), value));
}
