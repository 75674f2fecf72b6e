import { hash } from 'node:crypto';

/**
 * The hash that decides which shard takes a key: its MD5 as a number of 128 bits. Keys come again and again, so the
 * last few thousand are remembered: a cache of a pure function is the only state a module may keep.
 */
export function hashOf(partitionKey: string): bigint {
  const known = remembered.get(partitionKey);
  if (known !== undefined) return known;
  const value = BigInt(`0x${hash('md5', partitionKey, 'hex')}`);
  if (remembered.size === MAX_REMEMBERED) remembered.clear();
  remembered.set(partitionKey, value);
  return value;
}

/** About 2 MB of short keys. */
const MAX_REMEMBERED = 16_384;

const remembered = new Map<string, bigint>();
