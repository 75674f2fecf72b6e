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

/** PutRecord and PutRecords. The log keeps the caller's buffers, not copies: the caller must not change them later. */
export function putOperations(state: LogState) {
  return {
    /**
     * *Behaviour.* Appends a record to the shard whose range holds the MD5 of the key, or the ExplicitHashKey. A shard
     * takes 1,000 records and 1 MiB a second, keys included. A record has at most the stream's MaxRecordSizeInKiB, its
     * key included; one above 1 MiB is taken when no debt is left, and the following seconds pay for it (developer
     * guide, "Handle large records"). While the stream is UPDATING, the parents take the records. (API reference)
     *
     * *Differences from AWS.* A shard's numbers grow with each call, so SequenceNumberForOrdering is checked and
     * changes nothing. Numbers are Kinesis's layout of bits, with gaps that the seed decides. A stream in state
     * DELETING answers ResourceNotFoundException; Kinesis may go on to accept records.
     */
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

    /**
     * *Behaviour.* Appends up to 500 records of 10 MiB in all, keys included. A record that its shard has no room for
     * is throttled alone: its entry in the answer has an ErrorCode, and later records that fit are appended, so a
     * shard's order can differ from the call's. A record that breaks a rule (size, key, hash key) fails the whole call.
     * (API reference)
     *
     * *Differences from AWS.* As for PutRecord. An entry's ErrorCode is never InternalFailure. Records that are
     * appended keep their order within the call; Kinesis promises none.
     */
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
  /** The bytes of the data and the key together. */
  readonly size: number;
}

interface Entry {
  readonly Data: Uint8Array | undefined;
  readonly PartitionKey?: string | undefined;
  readonly ExplicitHashKey?: string | undefined;
}

function newRecord(stream: Stream, entry: Entry, path: string): NewRecord {
  const { Data: data, PartitionKey: partitionKey } = entry;
  if (data === undefined || partitionKey === undefined)
    throw new Error(`${path} was not checked: it lacks data or a key`);
  const size = data.length + Buffer.byteLength(partitionKey);
  if (size > stream.maxRecordKib * 1_024) {
    throw invalidArgument(
      `The record at '${path}' has ${size} bytes, its key included, which exceeds the maximum record size of stream ` +
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

/**
 * Checks that the stream has given this number. Then nothing else is to do: every later number is above it, which is
 * the order that the caller asks for.
 */
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
