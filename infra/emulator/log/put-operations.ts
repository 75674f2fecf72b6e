import type {
  PutRecordInput,
  PutRecordOutput,
  PutRecordsInput,
  PutRecordsOutput,
  PutRecordsResultEntry,
} from '@aws-sdk/client-kinesis';
import { hashKeyOf, hexadecimal, highestHashKey } from './hash-keys.ts';
import { invalidArgument } from './log-error.ts';
import { findLiveStream, type LogState, rateExceeded, rateExceededMessage } from './log-state.ts';
import { decodeSequenceNumber } from './sequence-numbers.ts';
import { append, type Shard, trim } from './shard.ts';
import { horizonMillis, type Stream, shardForHash } from './stream.ts';

/** Appending. Data is kept as it is given, not copied: a caller must not change it afterwards. */
export function putOperations(state: LogState) {
  return {
    PutRecord(input: PutRecordInput): PutRecordOutput {
      const stream = findLiveStream(state, input);
      const nowMillis = state.nowMillis();
      const record = newRecord(stream, input, 'record');
      requireKnownOrder(state, stream, input.SequenceNumberForOrdering);
      const { shard } = record;
      if (state.enforceLimits && !takeRoom(shard, nowMillis, record.size)) throw rateExceeded(state, stream, shard);
      trim(shard, horizonMillis(stream, nowMillis));
      return { ShardId: shard.shardId, SequenceNumber: append(shard, nowMillis, record) };
    },

    PutRecords(input: PutRecordsInput): PutRecordsOutput {
      const stream = findLiveStream(state, input);
      const nowMillis = state.nowMillis();
      const entries = input.Records ?? [];
      const records = entries.map((entry, index) => newRecord(stream, entry, `records.${index + 1}.member`));
      requireSizeOfCall(records);
      for (const shard of stream.open) trim(shard, horizonMillis(stream, nowMillis));
      let failed = 0;
      const results = records.map((record): PutRecordsResultEntry => {
        const { shard } = record;
        if (!state.enforceLimits || takeRoom(shard, nowMillis, record.size)) {
          return { SequenceNumber: append(shard, nowMillis, record), ShardId: shard.shardId };
        }
        failed++;
        return {
          ErrorCode: 'ProvisionedThroughputExceededException',
          ErrorMessage: rateExceededMessage(state, stream, shard),
        };
      });
      return { FailedRecordCount: failed, Records: results };
    },
  };
}

const largestCall = 10_485_760;

interface NewRecord {
  readonly shard: Shard;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  /** Of the data and the key. */
  readonly size: number;
}

interface Entry {
  readonly Data: Uint8Array | undefined;
  readonly PartitionKey?: string | undefined;
  readonly ExplicitHashKey?: string | undefined;
}

function newRecord(stream: Stream, entry: Entry, place: string): NewRecord {
  const { Data: data, PartitionKey: partitionKey } = entry;
  if (data === undefined || partitionKey === undefined)
    throw new Error(`${place} was not checked: it lacks data or a key`);
  const size = data.length + Buffer.byteLength(partitionKey);
  if (size > stream.maxRecordKib * 1_024) {
    throw invalidArgument(
      `The record at '${place}' has ${size} bytes, its key included, which exceeds the maximum record size of stream ` +
        `${stream.name}: ${stream.maxRecordKib} KiB. Use UpdateMaxRecordSize API.`,
    );
  }
  return { shard: shardFor(stream, partitionKey, entry.ExplicitHashKey), partitionKey, data, size };
}

function shardFor(stream: Stream, partitionKey: string, explicitHashKey: string | undefined): Shard {
  const [only, another] = stream.open;
  if (explicitHashKey !== undefined && explicitHashKey !== null) {
    const hashKey = BigInt(explicitHashKey);
    if (hashKey > highestHashKey) {
      throw invalidArgument(
        'Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. ' +
          `Specified value was ${explicitHashKey}`,
      );
    }
    return shardForHash(stream, hexadecimal(hashKey));
  }
  return only !== undefined && another === undefined ? only : shardForHash(stream, hashKeyOf(partitionKey));
}

function requireSizeOfCall(records: readonly NewRecord[]): void {
  let size = 0;
  for (const record of records) size += record.size;
  if (size > largestCall) {
    throw invalidArgument(`Records size exceeds 10 MB limit: the data and keys in 'records' have ${size} bytes`);
  }
}

function takeRoom({ allowances }: Shard, nowMillis: number, size: number): boolean {
  if (!allowances.recordsIn.hasRoom(nowMillis, 1) || !allowances.bytesIn.hasRoom(nowMillis, size)) return false;
  allowances.recordsIn.take(nowMillis, 1);
  allowances.bytesIn.take(nowMillis, size);
  return true;
}

/** A number that was given is below all that will be, so there is nothing to do to keep the order asked for. */
function requireKnownOrder(state: LogState, stream: Stream, sequenceNumber: string | undefined): void {
  if (sequenceNumber === undefined || sequenceNumber === null) return;
  const decoded = decodeSequenceNumber(sequenceNumber);
  const shard = decoded && stream.shards[decoded.shardIndex];
  if (shard !== undefined && shard.createdSeconds === decoded?.shardCreatedSeconds && sequenceNumber <= shard.tip)
    return;
  throw invalidArgument(
    `ExclusiveMinimumSequenceNumber ${sequenceNumber} used in PutRecord on stream ${stream.name} under account ` +
      `${state.accountId} is invalid.`,
  );
}
