import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';

const md5 = (key: string) => BigInt(`0x${createHash('md5').update(key, 'utf8').digest('hex')}`);

describe('the hash of a key', () => {
  test.each([
    ['a', 0x0cc175b9c0f1b6a831c399e269772661n],
    ['partitionKey-1', md5('partitionKey-1')],
    ['é😀', md5('é😀')],
  ])('%s is its MD5 as a number', (key, hash) => {
    expect(hashOf(key)).toBe(hash);
  });

  test('is its MD5 for keys of every length, in ASCII and beyond', () => {
    const keys = Array.from({ length: 130 }, (_, length) => 'Kéy 0~\x7f\x01'.repeat(20).slice(0, length));
    const ascii = keys.map((key) => key.replaceAll('é', 'e'));
    expect([...keys, ...ascii].map(hashOf)).toEqual([...keys, ...ascii].map(md5));
  });

  test('stays the same however many keys come in between', () => {
    const keys = Array.from({ length: 50_000 }, (_, index) => `key-${index}`);
    expect(keys.map(hashOf)).toEqual(keys.map(md5));
    fc.assert(
      fc.property(fc.constantFrom(...keys.slice(0, 100)), (key) => {
        expect(hashOf(key)).toBe(md5(key));
      }),
    );
  });
});
