import type { PutRecordsResultEntry } from '@aws-sdk/client-kinesis';
import type { Document } from './world.ts';

/** Records what was written and what happened to it. It knows nothing of how a mapping works. */
export interface DeliveryLedger {
  /** The number of the next record to write. */
  nextNumber(): number;
  wrote(answers: readonly PutRecordsResultEntry[]): void;
  knowsParents(shardId: string, parents: readonly string[]): void;
  /** Checks that this delivery is due now. */
  delivered(payload: string): LedgerDelivery;
  /** Notes that the function has processed the first `count` records of the delivery. */
  done(delivery: LedgerDelivery, count: number): void;
  /** Notes that the function failed: a retry is used, or the batch is split. */
  failed(delivery: LedgerDelivery): void;
  discarded(document: Document['body'], retries: number): void;
  size(): number;
  /** Everything that broke a promise until now, and every record that is neither processed nor discarded. */
  violations(): readonly string[];
}

export interface LedgerDelivery {
  readonly shardId: string;
  /** The index of the first record in its shard. */
  readonly first: number;
  readonly numbers: readonly number[];
  readonly sequenceNumbers: readonly string[];
}

interface ShardLedger {
  readonly sequenceNumbers: string[];
  /** By sequence number. */
  readonly indexes: Map<string, number>;
  readonly isSettled: boolean[];
  /** By record: how often the function failed on a batch that begins with it. */
  readonly failures: number[];
  /** All records before this index are processed or discarded. */
  settled: number;
  parents: readonly string[];
}

export function deliveryLedger(): DeliveryLedger {
  const shards = new Map<string, ShardLedger>();
  const violations: string[] = [];
  let size = 0;
  let numbers = 0;

  function shardOf(shardId: string): ShardLedger {
    const known = shards.get(shardId);
    if (known !== undefined) return known;
    const shard = { sequenceNumbers: [], indexes: new Map(), isSettled: [], failures: [], settled: 0, parents: [] };
    shards.set(shardId, shard);
    return shard;
  }

  function settle(shardId: string, range: { from: number; to: number }): void {
    const shard = shardOf(shardId);
    for (let index = range.from; index < range.to; index++) shard.isSettled[index] = true;
    while (shard.isSettled[shard.settled]) shard.settled++;
  }

  function checkOrder(delivery: LedgerDelivery): void {
    const { shardId, first, sequenceNumbers } = delivery;
    const shard = shardOf(shardId);
    if (first > shard.settled) {
      violations.push(
        `${shardId}: record ${first} was delivered while record ${shard.settled} was neither processed nor discarded`,
      );
    }
    for (const [index, sequenceNumber] of sequenceNumbers.entries()) {
      if (sequenceNumber !== shard.sequenceNumbers[first + index]) {
        violations.push(
          `${shardId}: ${sequenceNumber} was delivered at index ${first + index}, where it does not belong`,
        );
      }
    }
    for (const parent of shard.parents) {
      const { settled, sequenceNumbers: ofParent } = shardOf(parent);
      if (settled < ofParent.length) {
        violations.push(
          `${shardId} was delivered while its parent ${parent} was at record ${settled} of ${ofParent.length}`,
        );
      }
    }
  }

  function unsettled(): string[] {
    return [...shards].flatMap(([shardId, { settled, sequenceNumbers }]) =>
      settled === sequenceNumbers.length
        ? []
        : [`${shardId}: record ${settled} of ${sequenceNumbers.length} was neither processed nor discarded`],
    );
  }

  return {
    nextNumber: () => ++numbers,
    wrote(answers) {
      for (const { ShardId, SequenceNumber } of answers) {
        if (ShardId === undefined || SequenceNumber === undefined) continue;
        const shard = shardOf(ShardId);
        shard.indexes.set(SequenceNumber, shard.sequenceNumbers.length);
        shard.sequenceNumbers.push(SequenceNumber);
        size++;
      }
    },
    knowsParents(shardId, parents) {
      shardOf(shardId).parents = parents;
    },
    delivered(payload) {
      const { Records } = JSON.parse(payload) as { Records: KinesisRecord[] };
      const shardId = Records[0]?.eventID.split(':')[0] ?? '';
      const sequenceNumbers = Records.map(({ kinesis }) => kinesis.sequenceNumber);
      const delivery = {
        shardId,
        first: shardOf(shardId).indexes.get(sequenceNumbers[0] ?? '') ?? -1,
        numbers: Records.map(({ kinesis }) => Number(Buffer.from(kinesis.data, 'base64').toString('latin1'))),
        sequenceNumbers,
      };
      checkOrder(delivery);
      return delivery;
    },
    done({ shardId, first }, count) {
      settle(shardId, { from: first, to: first + count });
    },
    failed({ shardId, first }) {
      const { failures } = shardOf(shardId);
      failures[first] = (failures[first] ?? 0) + 1;
    },
    discarded(
      { requestContext, KinesisBatchInfo: { shardId, startSequenceNumber, endSequenceNumber, batchSize } },
      retries,
    ) {
      const shard = shardOf(shardId);
      const from = shard.indexes.get(startSequenceNumber) ?? Number.NaN;
      const to = (shard.indexes.get(endSequenceNumber) ?? Number.NaN) + 1;
      const { condition, approximateInvokeCount } = requestContext;
      if (to - from !== batchSize)
        violations.push(`${shardId}: a document about records ${from} to ${to} counts ${batchSize} records`);
      if (from > shard.settled)
        violations.push(`${shardId}: record ${from} was discarded before record ${shard.settled}`);
      if (condition === 'RetryAttemptsExhausted') {
        if (approximateInvokeCount !== retries + 1) {
          violations.push(`${shardId}: ${retries} retries were reported as ${approximateInvokeCount} invocations`);
        }
        if ((shard.failures[from] ?? 0) <= retries) {
          violations.push(`${shardId}: record ${from} was discarded after ${shard.failures[from] ?? 0} failures`);
        }
      }
      settle(shardId, { from, to });
    },
    size: () => size,
    violations: () => [...violations, ...unsettled()],
  };
}

interface KinesisRecord {
  readonly eventID: string;
  readonly kinesis: { readonly sequenceNumber: string; readonly data: string };
}
