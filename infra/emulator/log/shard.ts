import { hash } from 'node:crypto';
import { type Allowance, allowance } from './allowance.ts';
import { type HashKeyRange, hexadecimal } from './hash-keys.ts';
import { encodeSequenceNumber, justAfter, lastIndex } from './sequence-numbers.ts';

/** A record as the log stores it. */
export interface LogRecord {
  readonly sequenceNumber: string;
  readonly arrivalMillis: number;
  readonly partitionKey: string;
  readonly data: Uint8Array;
}

export interface Shard {
  readonly shardId: string;
  readonly index: number;
  readonly parents: readonly string[];
  readonly hashKeys: HashKeyRange;
  /** The start of `hashKeys` as 32 hexadecimal digits, to compare hashes with. */
  readonly firstHash: string;
  readonly createdMillis: number;
  readonly createdSeconds: number;
  readonly startingSequenceNumber: string;
  closed?: { readonly atMillis: number; readonly endingSequenceNumber: string };
  /** The records from index `trimmed` on; those before have expired. */
  readonly records: LogRecord[];
  trimmed: number;
  /** The highest sequence number given so far. */
  tip: string;
  nextIndex: bigint;
  readonly nextGap: () => bigint;
  readonly allowances: ShardAllowances;
}

interface ShardAllowances {
  readonly bytesIn: Allowance;
  readonly recordsIn: Allowance;
  readonly bytesOut: Allowance;
  readonly readCalls: Allowance;
  readonly iteratorCalls: Allowance;
}

export interface NewShard {
  readonly index: number;
  readonly hashKeys: HashKeyRange;
  readonly createdMillis: number;
  readonly parents: readonly Shard[];
  /** Decides the sequence numbers, with the shard's index. */
  readonly seed: string;
}

export function shardIdOf(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`;
}

export function newShard({ index, hashKeys, createdMillis, parents, seed }: NewShard): Shard {
  // A child's numbers start above its parents', also when the child is made in the same second.
  const youngest = Math.max(...parents.map((parent) => parent.createdSeconds));
  const createdSeconds = Math.max(Math.floor(createdMillis / 1_000), youngest + 1);
  const startingSequenceNumber = encodeSequenceNumber({
    shardCreatedSeconds: createdSeconds,
    shardIndex: index,
    index: 0n,
    atSeconds: createdSeconds,
  });
  return {
    shardId: shardIdOf(index),
    index,
    parents: parents.map((parent) => parent.shardId),
    hashKeys,
    firstHash: hexadecimal(hashKeys.start),
    createdMillis,
    createdSeconds,
    startingSequenceNumber,
    records: [],
    trimmed: 0,
    tip: startingSequenceNumber,
    nextIndex: 0n,
    nextGap: gaps(`${seed}/${index}`),
    allowances: {
      bytesIn: allowance(1_048_576),
      recordsIn: allowance(1_000),
      bytesOut: allowance(2_097_152),
      readCalls: allowance(5),
      iteratorCalls: allowance(5),
    },
  };
}

/** Adds a record at the end. Returns its sequence number. */
export function append(
  shard: Shard,
  arrivalMillis: number,
  record: { partitionKey: string; data: Uint8Array },
): string {
  shard.nextIndex += shard.nextGap();
  const sequenceNumber = encodeSequenceNumber({
    shardCreatedSeconds: shard.createdSeconds,
    shardIndex: shard.index,
    index: shard.nextIndex,
    atSeconds: Math.max(Math.floor(arrivalMillis / 1_000), shard.createdSeconds),
  });
  shard.tip = sequenceNumber;
  shard.records.push({ sequenceNumber, arrivalMillis, partitionKey: record.partitionKey, data: record.data });
  return sequenceNumber;
}

export function close(shard: Shard, atMillis: number): void {
  const endingSequenceNumber = encodeSequenceNumber({
    shardCreatedSeconds: shard.createdSeconds,
    shardIndex: shard.index,
    index: lastIndex,
    atSeconds: Math.max(Math.floor(atMillis / 1_000), shard.createdSeconds),
  });
  shard.closed = { atMillis, endingSequenceNumber };
}

/** Removes the records that arrived before `horizonMillis`. */
export function trim(shard: Shard, horizonMillis: number): void {
  const { records } = shard;
  while (shard.trimmed < records.length && (records[shard.trimmed]?.arrivalMillis ?? 0) < horizonMillis)
    shard.trimmed++;
  if (shard.trimmed < 1_024 || shard.trimmed * 2 < records.length) return;
  records.splice(0, shard.trimmed);
  shard.trimmed = 0;
}

/** Finds the index of the first record for which `isAtOrAfter` is true. It must be true for all later ones too. */
export function firstRecord(shard: Shard, isAtOrAfter: (record: LogRecord) => boolean): number {
  let low = shard.trimmed;
  let high = shard.records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = shard.records[middle];
    if (record !== undefined && isAtOrAfter(record)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Returns the position just after the last record. */
export function endOf(shard: Shard): string {
  return justAfter(shard.tip);
}

/**
 * Makes the distances between a shard's sequence numbers. Kinesis's numbers have gaps, so no reader may count on a
 * distance of 1. The distances follow from the seed alone: other shards' traffic does not change them.
 */
function gaps(seed: string): () => bigint {
  let state = Number.parseInt(hash('sha1', seed, 'hex').slice(0, 8), 16);
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return gapsByChance[state >>> 30] ?? 1n;
  };
}

const gapsByChance = [1n, 2n, 5n, 17n];
