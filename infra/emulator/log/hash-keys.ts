import { hash } from 'node:crypto';

/** A range of hash keys. Both ends belong to it. */
export interface HashKeyRange {
  readonly start: bigint;
  readonly end: bigint;
}

export const highestHashKey = 2n ** 128n - 1n;

/** Computes a partition key's hash key: its MD5, as 32 hexadecimal digits, so that texts compare as numbers do. */
export function hashKeyOf(partitionKey: string): string {
  return hash('md5', partitionKey, 'hex');
}

export function hexadecimal(hashKey: bigint): string {
  return hashKey.toString(16).padStart(32, '0');
}

/**
 * Computes where each of `count` equal ranges starts. A multiple of `count` ranges has the same starts, and others
 * between them.
 */
export function evenStarts(count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => (BigInt(index) * (highestHashKey + 1n)) / BigInt(count));
}
