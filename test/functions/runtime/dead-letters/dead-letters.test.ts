import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { openDeadLetters } from '../../../../functions/runtime/dead-letters/dead-letters.ts';
import { parseLetterObject, readLetterObject } from '../../../../functions/runtime/dead-letters/letter-objects.ts';
import type { Rejection } from '../../../../functions/runtime/rejection.ts';

const rejection = (at: string, bytes: Uint8Array): Rejection => ({ at, reason: 'schema', message: 'no number', bytes });

function bucket(): { puts: Map<string, Buffer>; s3: Pick<S3Client, 'send'> } {
  const puts = new Map<string, Buffer>();
  const send = async (command: unknown) => {
    if (!(command instanceof PutObjectCommand)) throw new Error('PutObject only');
    puts.set(command.input.Key ?? '', Buffer.from(command.input.Body as Uint8Array));
    return {};
  };
  return { puts, s3: { send: send as S3Client['send'] } };
}

/** Returns the letters of each object, by the object's folder and name. */
const lettersIn = (puts: ReadonlyMap<string, Buffer>) =>
  [...puts].map(([key, bytes]) => {
    const parsed = parseLetterObject(key.slice(key.lastIndexOf('/') + 1));
    if (parsed === undefined || parsed.kind === 'removed') throw new Error(`${key} holds no letters`);
    return { key, letters: readLetterObject(parsed.kind, bytes) };
  });

const { signal } = new AbortController();

describe('dead letters', () => {
  const open = (s3: Pick<S3Client, 'send'>) => openDeadLetters({ s3, bucket: 'dead', pipeline: 'p', step: 's' });
  const place = { pipeline: 'p', step: 's', shard: 'i/shard', reason: 'schema', message: 'no number' };

  test('keep the original bytes, as text if they are UTF-8 and otherwise in base64', async () => {
    const { puts, s3 } = bucket();
    await open(s3).put(
      'i/shard',
      [rejection('1', Buffer.from('{"ö":1}\n')), rejection('2', Buffer.from([0xff, 0, 1]))],
      signal,
    );
    expect(lettersIn(puts).flatMap(({ letters }) => letters)).toEqual([
      { ...place, at: '1', text: '{"ö":1}\n' },
      { ...place, at: '2', base64: '/wAB' },
    ]);
  });

  test('that are alone in their portion are objects that any tool reads', async () => {
    const { puts, s3 } = bucket();
    await open(s3).put('i/shard', [rejection('1', Buffer.from('\ufeffa'))], signal);
    const [[key, bytes] = []] = puts;
    expect(key).toBe('dead-letters/p/s/i/shard/1.json');
    expect(JSON.parse(String(bytes))).toEqual({ ...place, at: '1', text: '\ufeffa' });
  });

  test('of one portion are one object, compressed, in the order of the shard', async () => {
    const { puts, s3 } = bucket();
    const numbers = Array.from({ length: 20_000 }, (_, index) => String(100_000 + index));
    const line = Buffer.from('{"a line of a file":"that does not fit its schema"}');
    await open(s3).put(
      'x',
      numbers.toReversed().map((at) => rejection(at, line)),
      signal,
    );
    const [object, ...others] = lettersIn(puts);
    expect(others).toEqual([]);
    expect(object?.key).toMatch(/^dead-letters\/p\/s\/x\/100000\.119999\.20000\.[\w-]{16}\.jsonl\.gz$/);
    expect(object?.letters.map(({ at }) => at)).toEqual(numbers);
    expect([...puts.values()][0]?.length).toBeLessThan(numbers.length * line.length * 0.2);
  });

  test('are the same objects when they are stored again, also in another order', async () => {
    const { puts, s3 } = bucket();
    const some = ['3', '1', '2'].map((at) => rejection(at, Buffer.from(`bytes of ${at}`)));
    await open(s3).put('x', some, signal);
    const before = [...puts].map(([key, bytes]) => [key, bytes.toString('hex')]);
    await open(s3).put('x', some.toReversed(), signal);
    expect([...puts].map(([key, bytes]) => [key, bytes.toString('hex')])).toEqual(before);
  });

  test('are several objects when one would not fit into memory', async () => {
    const { puts, s3 } = bucket();
    await open(s3).put(
      'x',
      Array.from({ length: 120_000 }, (_, at) => rejection(String(100_000 + at), Buffer.from('a'))),
      signal,
    );
    expect([...puts.keys()].map((key) => Number(key.split('.')[2]))).toEqual([50_000, 50_000, 20_000]);
  });

  test('reject when one of them cannot be stored, so that the slice is delivered again', async () => {
    const s3 = { send: () => Promise.reject(new Error('S3 is down')) } as never;
    const letters = openDeadLetters({ s3, bucket: 'dead', pipeline: 'p', step: 's' });
    await expect(letters.put('x', [rejection('1', Buffer.from('a'))], signal)).rejects.toThrow('S3 is down');
  });
});
