import type {
  ChildShard,
  GetRecordsInput,
  GetRecordsOutput,
  GetShardIteratorInput,
  GetShardIteratorOutput,
} from '@aws-sdk/client-kinesis';
import { hashKeyRangeOf } from './descriptions.ts';
import { invalidArgument, LogError } from './log-error.ts';
import { findLiveStream, findShard, type LogState, lookUp, rateExceeded } from './log-state.ts';
import { decodeSequenceNumber, justAfter } from './sequence-numbers.ts';
import { endOf, firstRecord, type LogRecord, type Shard, shardIdOf, trim } from './shard.ts';
import { decodeShardIterator, encodeShardIterator, requireFresh, type ShardIterator } from './shard-iterators.ts';
import { childrenOf, horizonMillis, type Stream } from './stream.ts';

/**
 * GetShardIterator and GetRecords. The data in an answer is the log's own buffer, not a copy: the caller must not
 * change it.
 */
export function getOperations(state: LogState) {
  return {
    /**
     * *Behaviour.* Gives the position to start reading a shard from. An iterator lives five minutes. AT_TIMESTAMP
     * before the oldest record gives the oldest record; a time in the future is refused. LATEST of a closed shard gives
     * its end. Five calls a second and shard. (API reference)
     *
     * *Differences from AWS.* The quota of calls holds for closed shards too. AT_SEQUENCE_NUMBER and
     * AFTER_SEQUENCE_NUMBER accept any number that the shard could have given, also one between two records.
     */
    GetShardIterator(input: GetShardIteratorInput): GetShardIteratorOutput {
      const stream = findLiveStream(state, input);
      const shard = findShard(state, stream, input.ShardId ?? '');
      const nowMillis = state.nowMillis();
      takeIteratorCall(state, stream, shard);
      trim(shard, horizonMillis(stream, nowMillis));
      const from = startingPoint({ state, stream, shard, input });
      const iterator = iteratorOf(stream, shard, { issuedMillis: nowMillis, from });
      return { ShardIterator: encodeShardIterator(iterator) };
    },

    /**
     * *Behaviour.* Answers with at most 10,000 records and 10 MiB. A shard answers five calls and gives 2 MiB a second;
     * after an answer of 10 MiB it throttles for five seconds. At the end of a closed shard the answer has ChildShards
     * and no NextShardIterator. MillisBehindLatest counts from now, not from the newest record. (API reference; at the
     * end of a closed shard it counts from the closing: the CLI reference's example of get-records)
     *
     * *Differences from AWS.* A page is never empty while the shard has more records; Kinesis may need several calls.
     * The last records of a closed shard and its end come in one answer; Kinesis may give the end in a call of its own.
     * Arrival times are exact. A record's EncryptionType is left out. MillisBehindLatest is 0 only when nothing is left
     * to read.
     */
    GetRecords({ ShardIterator: token, Limit, StreamARN }: GetRecordsInput): GetRecordsOutput {
      const nowMillis = state.nowMillis();
      const iterator = decodeShardIterator(token ?? '');
      const { stream, shard } = findShardOf(state, iterator);
      if (StreamARN && StreamARN !== stream.arn) {
        throw invalidArgument(`StreamARN ${StreamARN} is not that of the ShardIterator, which is ${stream.arn}`);
      }
      requireFresh(iterator, nowMillis);
      takeReadCall(state, stream, shard);
      trim(shard, horizonMillis(stream, nowMillis));
      const { records, size, isEnd } = read(shard, iterator.from, Limit ?? mostRecords);
      if (state.enforceLimits) shard.allowances.bytesOut.take(nowMillis, size);
      const last = records.at(-1);
      const answer: GetRecordsOutput = { Records: records.map(recordOf) };
      if (isEnd && shard.closed !== undefined) {
        answer.MillisBehindLatest = nowMillis - shard.closed.atMillis;
        answer.ChildShards = childrenOf(stream, shard).map(childOf);
        return answer;
      }
      // 0 means that nothing is left to read, so an answer that leaves records unread says 1 at least.
      answer.MillisBehindLatest = isEnd || last === undefined ? 0 : Math.max(1, nowMillis - last.arrivalMillis);
      const from = last === undefined ? iterator.from : justAfter(last.sequenceNumber);
      answer.NextShardIterator = encodeShardIterator({ ...iterator, issuedMillis: nowMillis, from });
      return answer;
    },
  };
}

const mostRecords = 10_000;
const mostBytes = 10_485_760;

function takeIteratorCall(state: LogState, stream: Stream, shard: Shard): void {
  if (!state.enforceLimits) return;
  const { iteratorCalls } = shard.allowances;
  if (!iteratorCalls.hasRoom(state.nowMillis(), 1)) throw rateExceeded(state, stream, shard);
  iteratorCalls.take(state.nowMillis(), 1);
}

function takeReadCall(state: LogState, stream: Stream, shard: Shard): void {
  if (!state.enforceLimits) return;
  const nowMillis = state.nowMillis();
  const { readCalls, bytesOut } = shard.allowances;
  if (!readCalls.hasRoom(nowMillis, 1) || !bytesOut.hasRoom(nowMillis, 1)) throw rateExceeded(state, stream, shard);
  readCalls.take(nowMillis, 1);
}

function findShardOf(state: LogState, iterator: ShardIterator): { stream: Stream; shard: Shard } {
  const stream = lookUp(state, iterator.streamName);
  const shard = stream?.shards[iterator.shardIndex];
  if (stream !== undefined && shard !== undefined && stream.createdMillis === iterator.streamCreatedMillis) {
    return { stream, shard };
  }
  throw new LogError(
    'ResourceNotFoundException',
    `Shard ${shardIdOf(iterator.shardIndex)} in stream ${iterator.streamName} under account ${state.accountId} does not exist`,
  );
}

function read(shard: Shard, from: string, limit: number): { records: LogRecord[]; size: number; isEnd: boolean } {
  const start = firstRecord(shard, (record) => record.sequenceNumber >= from);
  let end = start;
  let size = 0;
  for (; end < shard.records.length && end - start < limit; end++) {
    const record = shard.records[end];
    const recordSize = record === undefined ? 0 : record.data.length + Buffer.byteLength(record.partitionKey);
    if (size + recordSize > mostBytes) break;
    size += recordSize;
  }
  return { records: shard.records.slice(start, end), size, isEnd: end === shard.records.length };
}

function recordOf({ sequenceNumber, arrivalMillis, data, partitionKey }: LogRecord) {
  return {
    SequenceNumber: sequenceNumber,
    ApproximateArrivalTimestamp: new Date(arrivalMillis),
    Data: data,
    PartitionKey: partitionKey,
  };
}

function childOf(child: Shard): ChildShard {
  return { ShardId: child.shardId, ParentShards: [...child.parents], HashKeyRange: hashKeyRangeOf(child) };
}

function iteratorOf(stream: Stream, shard: Shard, at: { issuedMillis: number; from: string }): ShardIterator {
  return { ...at, streamName: stream.name, streamCreatedMillis: stream.createdMillis, shardIndex: shard.index };
}

interface Start {
  readonly state: LogState;
  readonly stream: Stream;
  readonly shard: Shard;
  readonly input: GetShardIteratorInput;
}

function startingPoint(start: Start): string {
  const { shard, input } = start;
  const { ShardIteratorType: type, StartingSequenceNumber: sequenceNumber } = input;
  const isBySequence = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER';
  if (isBySequence !== (typeof sequenceNumber === 'string')) {
    throw invalidArgument(
      'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
        '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
        `Request specified ${type} and ${isBySequence ? 'no' : 'also a'} StartingSequenceNumber.`,
    );
  }
  switch (type) {
    case 'TRIM_HORIZON':
      return shard.startingSequenceNumber;
    case 'LATEST':
      return endOf(shard);
    case 'AT_TIMESTAMP':
      return startAtTime(start);
    default:
      requireOfShard(start, sequenceNumber ?? '');
      return type === 'AT_SEQUENCE_NUMBER' ? (sequenceNumber ?? '') : justAfter(sequenceNumber ?? '');
  }
}

function startAtTime({ state, shard, input }: Start): string {
  if (!input.Timestamp) {
    throw invalidArgument(
      'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
    );
  }
  const millis = input.Timestamp.getTime();
  if (millis > state.nowMillis()) {
    throw invalidArgument(
      'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
        `timestampInMillis: ${millis}, currentTimestampInMillis: ${state.nowMillis()}`,
    );
  }
  const record = shard.records[firstRecord(shard, ({ arrivalMillis }) => arrivalMillis >= millis)];
  return record?.sequenceNumber ?? endOf(shard);
}

function requireOfShard({ state, stream, shard }: Start, sequenceNumber: string): void {
  const decoded = decodeSequenceNumber(sequenceNumber);
  const use = `StartingSequenceNumber ${sequenceNumber} used in GetShardIterator on shard ${shard.shardId} in stream ${stream.name} under account ${state.accountId} is invalid`;
  if (decoded === undefined) throw invalidArgument(`${use}.`);
  if (decoded.shardIndex !== shard.index) {
    throw invalidArgument(
      `Invalid StartingSequenceNumber. It encodes ${shardIdOf(decoded.shardIndex)}, while it was used in a call to a shard with ${shard.shardId}`,
    );
  }
  if (decoded.shardCreatedSeconds !== shard.createdSeconds) {
    throw invalidArgument(`${use} because it did not come from this stream.`);
  }
}
