/**
 * A sequence number says when its shard was made, its index in the shard, when it was given, and the shard. These
 * fields are read off the service's own numbers, from the highest bit: 4 bits that are 2, 36 bits of seconds (the
 * shard), the shard's lowest 4 bits, 64 bits of index, 8 bits, 36 bits of seconds (the record), 32 bits of shard, 4
 * bits of version, which is 2. All are 56 decimal digits long, so here, and only here, comparing them as text is
 * comparing them as numbers.
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

/** Undefined when it is not one that a shard can have given. */
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

/** The smallest number above: a place between two records. */
export function justAfter(sequenceNumber: string): string {
  return (BigInt(sequenceNumber) + 1n).toString();
}

const leadBits = 2n << 184n;
const version = 2n;

function field(bits: bigint, shift: bigint, width: bigint): number {
  return Number(BigInt.asUintN(Number(width), bits >> shift));
}
