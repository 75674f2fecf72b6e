/** The constraints of an input's member, in the words of the service's model. */
export type Shape =
  | {
      readonly type: 'string';
      readonly min?: number;
      readonly max?: number;
      readonly pattern?: string;
      readonly oneOf?: readonly string[];
    }
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly type: 'blob'; readonly max: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'timestamp' }
  | { readonly type: 'map' }
  | {
      readonly type: 'list';
      readonly min: number;
      readonly max: number;
      readonly of: Shape;
      /** A quick check that spares the thorough one. True only when every item fits `of`. */
      readonly areFine: (items: readonly unknown[]) => boolean;
    }
  | { readonly type: 'structure'; readonly members: Members };

export type Members = Readonly<Record<string, Shape & { readonly required?: true }>>;

const name = { type: 'string', min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' } as const;
const hashKey = { type: 'string', pattern: '0|([1-9]\\d{0,38})' } as const;
const sequenceNumber = { type: 'string', pattern: '0|([1-9]\\d{0,128})' } as const;
const arn = { type: 'string', min: 1, max: 2_048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+' } as const;
const stream = { StreamName: name, StreamARN: arn } as const;
const atMost10000 = { type: 'integer', min: 1, max: 10_000 } as const;
const hours = { type: 'integer', required: true } as const;
const nextToken = { type: 'string', min: 1, max: 1_048_576 } as const;
const maxRecordKib = { type: 'integer', min: 1_024, max: 10_240 } as const;

const record = {
  Data: { type: 'blob', max: 10_485_760, required: true },
  ExplicitHashKey: hashKey,
  PartitionKey: { type: 'string', min: 1, max: 256, required: true },
} as const;

const shardFilterTypes = [
  'AFTER_SHARD_ID',
  'AT_TRIM_HORIZON',
  'FROM_TRIM_HORIZON',
  'AT_LATEST',
  'AT_TIMESTAMP',
  'FROM_TIMESTAMP',
] as const;

const iteratorTypes = [
  'AFTER_SEQUENCE_NUMBER',
  'LATEST',
  'AT_TIMESTAMP',
  'AT_SEQUENCE_NUMBER',
  'TRIM_HORIZON',
] as const;

/** The operations that the log has, with the constraints of their inputs. */
export const inputShapes = {
  CreateStream: {
    StreamName: { ...name, required: true },
    ShardCount: { type: 'integer', min: 1 },
    StreamModeDetails: {
      type: 'structure',
      members: { StreamMode: { type: 'string', oneOf: ['PROVISIONED', 'ON_DEMAND'], required: true } },
    },
    MaxRecordSizeInKiB: maxRecordKib,
    RecordDistributionStrategy: { type: 'string', oneOf: ['AUTO', 'USER_PARTITION_KEY'] },
    Tags: { type: 'map' },
    WarmThroughputMiBps: { type: 'integer', min: 0 },
  },
  DecreaseStreamRetentionPeriod: { ...stream, RetentionPeriodHours: hours },
  DeleteStream: { ...stream, EnforceConsumerDeletion: { type: 'boolean' } },
  DescribeStream: { ...stream, Limit: atMost10000, ExclusiveStartShardId: name },
  DescribeStreamSummary: stream,
  GetRecords: {
    ShardIterator: { type: 'string', min: 1, max: 512, required: true },
    Limit: atMost10000,
    StreamARN: arn,
  },
  GetShardIterator: {
    ...stream,
    ShardId: { ...name, required: true },
    ShardIteratorType: { type: 'string', oneOf: iteratorTypes, required: true },
    StartingSequenceNumber: sequenceNumber,
    Timestamp: { type: 'timestamp' },
  },
  IncreaseStreamRetentionPeriod: { ...stream, RetentionPeriodHours: hours },
  ListShards: {
    ...stream,
    NextToken: nextToken,
    ExclusiveStartShardId: name,
    MaxResults: atMost10000,
    StreamCreationTimestamp: { type: 'timestamp' },
    ShardFilter: {
      type: 'structure',
      members: {
        Type: { type: 'string', oneOf: shardFilterTypes, required: true },
        ShardId: name,
        Timestamp: { type: 'timestamp' },
      },
    },
  },
  ListStreams: { Limit: atMost10000, ExclusiveStartStreamName: name, NextToken: nextToken },
  ListTagsForResource: {
    ResourceARN: { ...arn, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:.*stream/\\S+', required: true },
  },
  ListTagsForStream: {
    ...stream,
    ExclusiveStartTagKey: { type: 'string', min: 1, max: 128 },
    Limit: { type: 'integer', min: 1, max: 50 },
  },
  MergeShards: {
    ...stream,
    ShardToMerge: { ...name, required: true },
    AdjacentShardToMerge: { ...name, required: true },
  },
  PutRecord: { ...stream, ...record, SequenceNumberForOrdering: sequenceNumber },
  PutRecords: {
    ...stream,
    Records: {
      type: 'list',
      min: 1,
      max: 500,
      of: { type: 'structure', members: record },
      areFine: areFineRecords,
      required: true,
    },
  },
  SplitShard: {
    ...stream,
    ShardToSplit: { ...name, required: true },
    NewStartingHashKey: { ...hashKey, required: true },
  },
  UpdateMaxRecordSize: { StreamARN: arn, MaxRecordSizeInKiB: { ...maxRecordKib, required: true } },
  UpdateShardCount: {
    ...stream,
    TargetShardCount: { type: 'integer', min: 1, required: true },
    ScalingType: { type: 'string', oneOf: ['UNIFORM_SCALING'], required: true },
  },
} as const satisfies Record<string, Members>;

export type OperationName = keyof typeof inputShapes;

export function isOperation(operation: string): operation is OperationName {
  return Object.hasOwn(inputShapes, operation);
}

function areFineRecords(records: readonly unknown[]): boolean {
  for (const record of records) {
    const { Data, PartitionKey, ExplicitHashKey } = (record ?? {}) as Record<string, unknown>;
    const isFine =
      Data instanceof Uint8Array &&
      Data.length <= 10_485_760 &&
      typeof PartitionKey === 'string' &&
      PartitionKey.length >= 1 &&
      PartitionKey.length <= 256 &&
      (ExplicitHashKey === undefined || (typeof ExplicitHashKey === 'string' && hashKeyPattern.test(ExplicitHashKey)));
    if (!isFine) return false;
  }
  return true;
}

const hashKeyPattern = /^(?:0|[1-9]\d{0,38})$/;
