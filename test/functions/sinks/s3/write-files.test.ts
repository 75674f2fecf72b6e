import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { ndjsonContent } from '../../../../functions/sinks/s3/ndjson-content.ts';
import { s3Definition } from '../../../../functions/sinks/s3/s3.ts';
import { writeFiles } from '../../../../functions/sinks/s3/write-files.ts';
import { logOf, type SliceOf, sliceOf } from '../../../contracts/slices.ts';

/** A PutObject that somebody waits for. */
interface Put {
  readonly input: PutObjectCommandInput;
  readonly signal: AbortSignal;
  succeed(): void;
  fail(error: Error): void;
}

/** Takes PutObjects, and answers none until the test says so. Like the SDK's client it ends an aborted one at once. */
function openBucket({ endsWhenAborted = true } = {}) {
  const puts: Put[] = [];
  const waiting = new Set<Put>();
  let most = 0;
  const send = (command: { input: PutObjectCommandInput }, { abortSignal }: { abortSignal: AbortSignal }) =>
    new Promise<object>((resolve, reject) => {
      const end = (settle: () => void) => () => {
        waiting.delete(put);
        settle();
      };
      const put: Put = {
        input: command.input,
        signal: abortSignal,
        succeed: end(() => resolve({})),
        fail: (error) => end(() => reject(error))(),
      };
      puts.push(put);
      waiting.add(put);
      most = Math.max(most, waiting.size);
      if (endsWhenAborted) abortSignal.addEventListener('abort', () => put.fail(new Error('AbortError')));
    });
  return { client: { send } as unknown as Pick<S3Client, 'send'>, puts, waiting, most: () => most };
}

type Bucket = ReturnType<typeof openBucket>;

const numbers = (count: number): readonly ReceivedEvent[] =>
  logOf(Array.from({ length: count }, (_, data) => ({ data })));

/** One file an event. */
function write({ client }: Bucket, slice: SliceOf) {
  const options = s3Definition.options.parse({ prefix: 'events', targetRows: 1, lines: 'data', compression: 'gzip' });
  const written = writeFiles(sliceOf(slice), options, { client, bucket: 'lake', contentOf: ndjsonContent(options) });
  const outcome = written.then(
    () => 'written',
    (error: Error) => error.message,
  );
  return { outcome, isSettled: settled(outcome) };
}

function settled(promise: Promise<unknown>): () => boolean {
  let done = false;
  void promise.finally(() => {
    done = true;
  });
  return () => done;
}

/** Until nothing that needs no answer is left to do. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the uploads of a slice', () => {
  test('send the length and type of each object, and end when the signal aborts', async () => {
    const bucket = openBucket();
    const { outcome } = write(bucket, { events: numbers(1) });
    await until(() => bucket.puts.length === 1);
    const [{ input, signal }] = bucket.puts as [Put];
    expect(input).toMatchObject({
      Bucket: 'lake',
      Key: expect.stringMatching(/^events\/year=2026\/month=11\/day=22\/slice-.*\.00000000\.ndjson\.gz$/),
      ContentLength: (input.Body as Buffer).length,
      ContentType: 'application/gzip',
    });
    expect(input).not.toHaveProperty('ContentEncoding');
    expect(signal.aborted).toBe(false);
    bucket.puts[0]?.succeed();
    expect(await outcome).toBe('written');
  });

  test('run several at once, but no more than 16, and resolve when all have ended', async () => {
    const bucket = openBucket();
    const { outcome, isSettled } = write(bucket, { events: numbers(40) });
    await until(() => bucket.waiting.size === 16);
    while (bucket.puts.length < 40) {
      const before = bucket.puts.length;
      [...bucket.waiting].at(-1)?.succeed();
      await until(() => bucket.puts.length > before);
    }
    for (const put of [...bucket.waiting].slice(1)) put.succeed();
    await turns();
    expect(isSettled()).toBe(false);
    for (const put of bucket.waiting) put.succeed();
    expect(await outcome).toBe('written');
    expect(bucket.most()).toBe(16);
    expect(new Set(bucket.puts.map(({ input }) => input.Key)).size).toBe(40);
  });

  test('hold 64 MiB of lines at most', async () => {
    const bucket = openBucket();
    const text = 'x'.repeat(30 * 1024 * 1024);
    const events = logOf(Array.from({ length: 4 }, () => ({ data: undefined, json: `"${text}"` })));
    const { outcome } = write(bucket, { events });
    for (let written = 0; written < 4; written++) {
      await until(() => bucket.puts.length >= Math.min(4, written + 2));
      await turns();
      expect(bucket.waiting.size).toBeLessThanOrEqual(2);
      [...bucket.waiting][0]?.succeed();
    }
    expect(await outcome).toBe('written');
    expect(bucket.most()).toBe(2);
  });

  test('throw the first failure after the others have ended, and start no more', async () => {
    const bucket = openBucket({ endsWhenAborted: false });
    const { outcome, isSettled } = write(bucket, { events: numbers(40) });
    await until(() => bucket.waiting.size === 16);
    bucket.puts[3]?.fail(new Error('SlowDown'));
    await turns();
    expect(bucket.puts.every(({ signal }) => signal.aborted)).toBe(true);
    expect(isSettled()).toBe(false);
    const rest = [...bucket.waiting];
    for (const put of rest.slice(1)) put.succeed();
    await turns();
    expect(isSettled()).toBe(false);
    rest[0]?.fail(new Error('aborted'));
    expect(await outcome).toBe('SlowDown');
    expect(bucket.puts).toHaveLength(16);
  });

  test.each([0, 39])('throw when number %i fails as the only one', async (failing) => {
    const bucket = openBucket();
    const { outcome, isSettled } = write(bucket, { events: numbers(40) });
    let answered = 0;
    while (!isSettled()) {
      for (const put of [...bucket.waiting]) {
        if (answered++ === failing) put.fail(new Error('no such bucket'));
        else put.succeed();
      }
      await turns();
    }
    expect(await outcome).toBe('no such bucket');
  });

  test('are aborted when the invocation has to end', async () => {
    const bucket = openBucket();
    const ending = new AbortController();
    const { outcome } = write(bucket, { events: numbers(40), signal: ending.signal });
    await until(() => bucket.waiting.size === 16);
    ending.abort(new Error('the invocation ends'));
    expect(await outcome).toBe('the invocation ends');
    expect(bucket.waiting.size).toBe(0);
    expect(bucket.puts).toHaveLength(16);
  });

  test('do not start when the invocation has already ended', async () => {
    const bucket = openBucket();
    const { outcome } = write(bucket, { events: numbers(3), signal: AbortSignal.abort(new Error('too late')) });
    expect(await outcome).toBe('too late');
    expect(bucket.puts).toEqual([]);
  });

  test('do not start when the slice cannot be read', async () => {
    const bucket = openBucket();
    const slice = sliceOf({ events: numbers(1) });
    async function* pages(): AsyncGenerator<readonly ReceivedEvent[]> {
      yield numbers(1);
      throw new Error('the shard cannot be read');
    }
    const options = s3Definition.options.parse({ prefix: 'events' });
    const written = writeFiles({ ...slice, pages: pages() }, options, {
      client: bucket.client,
      bucket: 'lake',
      contentOf: ndjsonContent(options),
    });
    await expect(written).rejects.toThrow('the shard cannot be read');
    expect(bucket.puts).toEqual([]);
  });
});
