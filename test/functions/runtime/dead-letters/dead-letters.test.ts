import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { openDeadLetters } from '../../../../functions/runtime/dead-letters/dead-letters.ts';
import type { Rejection } from '../../../../functions/runtime/rejection.ts';

const rejection = (at: string, bytes: Uint8Array): Rejection => ({ at, reason: 'schema', message: 'no number', bytes });

function bucket(): { puts: Map<string, unknown>; s3: Pick<S3Client, 'send'>; atOnce: { most: number } } {
  const puts = new Map<string, unknown>();
  const atOnce = { now: 0, most: 0 };
  const send = async (command: unknown) => {
    if (!(command instanceof PutObjectCommand)) throw new Error('PutObject only');
    atOnce.most = Math.max(atOnce.most, ++atOnce.now);
    await new Promise((resolve) => setImmediate(resolve));
    atOnce.now--;
    puts.set(command.input.Key ?? '', JSON.parse(String(command.input.Body)));
    return {};
  };
  return { puts, s3: { send: send as S3Client['send'] }, atOnce };
}

const { signal } = new AbortController();

describe('dead letters', () => {
  test('keep the original bytes, as text if they are UTF-8 and otherwise in base64', async () => {
    const { puts, s3 } = bucket();
    const letters = openDeadLetters({ s3, bucket: 'dead', pipeline: 'p', step: 's' });
    await letters.put(
      'i/shard',
      [rejection('1', Buffer.from('{"ö":1}\n')), rejection('2', Buffer.from([0xff, 0, 1]))],
      signal,
    );
    const place = { pipeline: 'p', step: 's', shard: 'i/shard', reason: 'schema', message: 'no number' };
    expect([...puts]).toEqual([
      ['dead-letters/p/s/i/shard/1.json', { ...place, at: '1', text: '{"ö":1}\n' }],
      ['dead-letters/p/s/i/shard/2.json', { ...place, at: '2', base64: '/wAB' }],
    ]);
  });

  test('are the same objects when they are stored again', async () => {
    const { puts, s3 } = bucket();
    const letters = openDeadLetters({ s3, bucket: 'dead', pipeline: 'p', step: 's' });
    await letters.put('x', [rejection('1', Buffer.from('a'))], signal);
    const before = JSON.stringify([...puts]);
    await letters.put('x', [rejection('1', Buffer.from('a'))], signal);
    expect(JSON.stringify([...puts])).toBe(before);
  });

  test('are stored a few at a time, however many there are', async () => {
    const { puts, s3, atOnce } = bucket();
    const letters = openDeadLetters({ s3, bucket: 'dead', pipeline: 'p', step: 's' });
    await letters.put(
      'x',
      Array.from({ length: 100 }, (_, at) => rejection(String(at), Buffer.from('a'))),
      signal,
    );
    expect(puts.size).toBe(100);
    expect(atOnce.most).toBeLessThanOrEqual(16);
  });

  test('reject when one of them cannot be stored, so that the slice is delivered again', async () => {
    const s3 = { send: () => Promise.reject(new Error('S3 is down')) } as never;
    const letters = openDeadLetters({ s3, bucket: 'dead', pipeline: 'p', step: 's' });
    await expect(letters.put('x', [rejection('1', Buffer.from('a'))], signal)).rejects.toThrow('S3 is down');
  });
});
