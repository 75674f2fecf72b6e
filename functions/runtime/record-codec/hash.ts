import { hash } from 'node:crypto';
import { md5OfShort } from './md5.ts';

/**
 * Returns the hash that decides which shard takes a key: its MD5 as a number of 128 bits. Keys repeat, so the last few
 * thousand hashes are remembered. A cache of a pure function is the only state that a module may keep.
 */
export function hashOf(partitionKey: string): bigint {
  const known = remembered.get(partitionKey);
  if (known !== undefined) return known;
  const value = md5OfShort(partitionKey) ?? BigInt(`0x${hash('md5', partitionKey, 'hex')}`);
  if (remembered.size === MAX_REMEMBERED) remembered.clear();
  remembered.set(partitionKey, value);
  return value;
}

/** About 2 MB of short keys. */
const MAX_REMEMBERED = 16_384;

const remembered = new Map<string, bigint>();
