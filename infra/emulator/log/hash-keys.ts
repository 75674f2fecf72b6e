import { hash } from 'node:crypto';

/** Both ends belong to it. */
export interface HashKeyRange {
  readonly start: bigint;
  readonly end: bigint;
}

export const highestHashKey = 2n ** 128n - 1n;

/** The hash key of a partition key, as 32 hexadecimal digits, so that comparing text is comparing numbers. */
export function hashKeyOf(partitionKey: string): string {
  return hash('md5', partitionKey, 'hex');
}

export function hexadecimal(hashKey: bigint): string {
  return hashKey.toString(16).padStart(32, '0');
}

/** Where each of `count` equal ranges starts. Ranges of a multiple of `count` start there too. */
export function evenStarts(count: number): bigint[] {
  return Array.from({ length: count }, (_, index) => (BigInt(index) * (highestHashKey + 1n)) / BigInt(count));
}
