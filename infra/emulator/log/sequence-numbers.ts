/**
 * A sequence number holds the second in which its shard was made, the index in the shard, the second in which the
 * number was given, and the shard.
 *
 * *Behaviour.* The layout is inferred from numbers that Kinesis gave. From the highest bit: 4 bits that are 2, 36 bits
 * of seconds (the shard), the shard's lowest 4 bits, 64 bits of index, 8 unused bits, 36 bits of seconds (the record),
 * 32 bits of shard, 4 bits of version, which is 2. Such a number has 56 decimal digits.
 *
 * *Differences from AWS.* AWS documents only that numbers are decimal and grow within a shard. Because all of ours have
 * 56 digits, the emulator compares them as text; nothing outside of it may.
 */
export interface SequenceNumber {
  readonly shardCreatedSeconds: number;
  readonly shardIndex: number;
  readonly index: bigint;
  readonly atSeconds: number;
}

/** Higher than the index of any record: what a closed shard ends with. */
export const lastIndex = 0x7fffffffffffffffn;

export function encodeSequenceNumber({ shardCreatedSeconds, shardIndex, index, atSeconds }: SequenceNumber): string {
  const shard = (BigInt(shardCreatedSeconds) << 148n) | (BigInt(shardIndex & 15) << 144n) | (BigInt(shardIndex) << 4n);
  return (leadBits | shard | (index << 80n) | (BigInt(atSeconds) << 36n) | version).toString();
}

/** Reads a sequence number. Undefined when no shard can have given it. */
export function decodeSequenceNumber(text: string): SequenceNumber | undefined {
  if (!/^\d{56}$/.test(text)) return undefined;
  const bits = BigInt(text);
  const parts = {
    shardCreatedSeconds: field(bits, 148n, 36n),
    shardIndex: field(bits, 4n, 32n),
    index: BigInt.asUintN(64, bits >> 80n),
    atSeconds: field(bits, 36n, 36n),
  };
  return encodeSequenceNumber(parts) === text ? parts : undefined;
}

/** Returns the smallest number above: a position between two records. */
export function justAfter(sequenceNumber: string): string {
  return (BigInt(sequenceNumber) + 1n).toString();
}

const leadBits = 2n << 184n;
const version = 2n;

function field(bits: bigint, shift: bigint, width: bigint): number {
  return Number(BigInt.asUintN(Number(width), bits >> shift));
}
