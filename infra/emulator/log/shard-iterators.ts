import { invalidArgument, LogError } from './log-error.ts';
import { openToken, sealToken } from './opaque-token.ts';

/** A reader's position: the first record of the shard whose sequence number is not below `from`. */
export interface ShardIterator {
  readonly issuedMillis: number;
  readonly streamName: string;
  readonly streamCreatedMillis: number;
  readonly shardIndex: number;
  readonly from: string;
}

export function encodeShardIterator(iterator: ShardIterator): string {
  const { issuedMillis, streamName, streamCreatedMillis, shardIndex, from } = iterator;
  return sealToken(['iterator', issuedMillis, streamName, streamCreatedMillis, shardIndex, from]);
}

export function decodeShardIterator(token: string): ShardIterator {
  const [kind, issuedMillis, streamName, streamCreatedMillis, shardIndex, from] = openToken(token) ?? [];
  if (kind !== 'iterator') throw invalidArgument('Invalid ShardIterator.');
  return {
    issuedMillis: Number(issuedMillis),
    streamName: String(streamName),
    streamCreatedMillis: Number(streamCreatedMillis),
    shardIndex: Number(shardIndex),
    from: String(from),
  };
}

export function requireFresh({ issuedMillis }: ShardIterator, nowMillis: number): void {
  if (nowMillis - issuedMillis <= lifetimeMillis) return;
  throw new LogError(
    'ExpiredIteratorException',
    `Iterator expired. The iterator was created at time ${serviceTime(issuedMillis)} while right now it is ` +
      `${serviceTime(nowMillis)} which is further in the future than the tolerated delay of ${lifetimeMillis} milliseconds.`,
  );
}

const lifetimeMillis = 300_000;

/** Writes a time as Kinesis does in its messages: Thu Jan 22 01:22:02 UTC 2015. */
function serviceTime(millis: number): string {
  const [weekday, day, month, year, time] = new Date(millis).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}
