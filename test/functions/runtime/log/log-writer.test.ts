import { randomBytes } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { type PutRecordsCommand, type PutRecordsInput, ResourceNotFoundException } from '@aws-sdk/client-kinesis';
import { expect, test } from 'vitest';
import { type LogWriterSettings, openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { listShards, openShards, shardFor } from '../../../../functions/runtime/log/shards.ts';
import { encodePage } from '../../../../functions/runtime/outbox/page.ts';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import { isAggregate } from '../../../../functions/runtime/record-codec/read-aggregate.ts';
import type { LogClient } from '../../../../infra/emulator/log/client.ts';
import type { Log } from '../../../../infra/emulator/log/log.ts';
import { applyReshard, type Fault, faultyLog } from './faulty-log.ts';
import { eventOf, eventsIn, logWith, NEVER, recordsOf, STREAM, shardContents, withText } from './log-kit.ts';

const SOURCE = '/p/s/1';

/** Makes a writer whose calls are listed, PutRecords with their input. It never really sleeps. */
function watched(client: LogClient, settings: Partial<LogWriterSettings> = {}) {
  const calls: string[] = [];
  const puts: PutRecordsInput[] = [];
  const sleeps: number[] = [];
  const send = (command: { input: object }, options: never) => {
    calls.push(command.constructor.name);
    if (command.constructor.name === 'PutRecordsCommand') puts.push((command as PutRecordsCommand).input);
    return client.send(command as never, options);
  };
  const sleep = async (millis: number, signal: AbortSignal) => {
    signal.throwIfAborted();
    sleeps.push(millis);
  };
  const kinesis = { send: send as LogClient['send'] };
  return { writer: openLogWriter({ kinesis, stream: STREAM, sleep, ...settings }), calls, puts, sleeps };
}

/** Finds one key for each open shard, in the order of their ranges. */
async function keysByShard(log: Log, client: LogClient): Promise<string[]> {
  const arn = log.describeStreamSummary({ StreamName: STREAM }).StreamDescriptionSummary?.StreamARN ?? '';
  const open = openShards({ shards: await listShards(client, arn, { signal: NEVER }) });
  return open.map((shard) => {
    for (let n = 0; ; n++) if (shardFor(open, hashOf(`k${n}`)) === shard) return `k${n}`;
  });
}

const eventsOf = (keys: readonly string[], count: number) =>
  Array.from({ length: count }, (_, n) => eventOf(SOURCE, n, keys[n % keys.length]!));
const dataIn = (records: readonly { data: Buffer }[]) =>
  records.map(({ data }) => eventsIn(data).map((event) => event.data));
const faults = (log: Log, ...kinds: Fault[]) =>
  faultyLog(
    log,
    kinds.map((fault) => ({ fault })),
  );

test('the events of a batch make one aggregated record for each shard, in one request, and a process describes the stream once', async () => {
  const { log, client } = logWith(3);
  const keys = await keysByShard(log, client);
  const { writer, calls, puts } = watched(client);
  const events = eventsOf(keys, 9);

  const appended = await writer.append(events, NEVER);
  await writer.append([eventOf(SOURCE, 9, keys[0]!)], NEVER);

  expect(calls).toEqual([
    'DescribeStreamSummaryCommand',
    'ListShardsCommand',
    'PutRecordsCommand',
    'PutRecordsCommand',
  ]);
  expect(appended).toEqual({ records: 3, bytes: expect.any(Number), refused: [] });
  expect(appended.bytes).toBe(
    puts[0]!.Records!.reduce((sum, { Data, PartitionKey }) => sum + Data!.length + PartitionKey!.length, 0),
  );
  const contents = (await shardContents(log)).map(({ records }) => records.flatMap(eventsIn).map(({ data }) => data));
  expect(contents).toEqual([
    [0, 3, 6, 9],
    [1, 4, 7],
    [2, 5, 8],
  ]);
});

test('a record is put with the hash of its first event, so that at least this event lands in its own shard', async () => {
  const { log, client } = logWith(1);
  const { writer, puts } = watched(client, { maxRecordBytes: 700 });
  await writer.append(eventsOf(['a', 'b', 'c'], 9), NEVER);
  expect(puts.length).toBeGreaterThan(1);
  for (const [{ ExplicitHashKey, Data }] of puts.map(({ Records }) => Records as [NonNullable<typeof Records>[0]])) {
    expect(ExplicitHashKey).toBe(String(hashOf(eventsIn(Buffer.from(Data!))[0]!.partitionkey)));
  }
  expect(dataIn(recordsOf(log, 'shardId-000000000000')).flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test.each([1, 2])(
  'records that are packed already go into a log of one shard as they are: %i shards',
  async (shards) => {
    const { log, client } = logWith(shards);
    const keys = await keysByShard(log, client);
    const { writer, puts } = watched(client, { compression: 'zstd' });
    const events = eventsOf(keys, 20);
    const { packed = new Map() } = encodePage(events) ?? {};
    await writer.append(events, NEVER, packed);
    const sent = puts.flatMap(({ Records = [] }) => Records.map(({ Data }) => Data));
    expect(sent.some((data) => data === packed.get(0)?.data)).toBe(shards === 1);
    const contents = (await shardContents(log)).map(({ records }) =>
      records.flatMap((data) => eventsIn(zstdDecompressSync(data)).map((event) => event.data as number)),
    );
    expect(contents).toHaveLength(shards);
    expect(contents.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    for (const numbers of contents) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  },
);

test('a record that is packed already and larger than the stream takes is packed anew', async () => {
  const { log, client } = logWith(1);
  const { writer, puts } = watched(client, { compression: 'zstd', maxRecordBytes: 700 });
  const events = eventsOf(['a'], 9);
  await writer.append(events, NEVER, encodePage(events)?.packed);
  expect(puts.length).toBeGreaterThan(1);
  const data = recordsOf(log, 'shardId-000000000000').flatMap((record) => eventsIn(zstdDecompressSync(record.data)));
  expect(data.map((event) => event.data)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test.each<[string, Fault]>([
  ['was refused', { kind: 'partial', refused: [0], code: 'ProvisionedThroughputExceededException' }],
  ['was in a request that was lost', { kind: 'request lost' }],
  ['was in a request whose reply was lost', { kind: 'reply lost' }],
  ['was throttled with its whole request', { kind: 'throttled' }],
])('a record that %s is sent again, the same bytes, before anything later', async (_, fault) => {
  const { log } = logWith(1);
  const { writer, puts, sleeps } = watched(
    faults(log, fault).clientFor(() => undefined),
    { maxRecordBytes: 400 },
  );
  await writer.append(eventsOf(['a'], 4), NEVER);
  expect(puts.length).toBeGreaterThan(2);
  expect(puts[1]).toEqual(puts[0]);
  expect(puts[2]).not.toEqual(puts[1]);
  expect(sleeps).toEqual([expect.any(Number)]);
});

test('a shard that throttles does not delay the others', async () => {
  const { log, client } = logWith(2);
  const keys = await keysByShard(log, client);
  const faulty = faults(log, { kind: 'partial', refused: [0], code: 'ProvisionedThroughputExceededException' });
  let wake = () => undefined as undefined;
  const rested = new Promise<void>((resolve) => {
    wake = () => void resolve();
  });
  const { writer, puts } = watched(
    faulty.clientFor(() => undefined),
    { maxRecordBytes: 400, sleep: () => rested },
  );
  const done = writer.append(eventsOf(keys, 8), NEVER);
  await expect.poll(() => recordsOf(log, 'shardId-000000000001').length).toBe(4);
  expect(recordsOf(log, 'shardId-000000000000')).toEqual([]);
  wake();
  await done;
  expect(dataIn(recordsOf(log, 'shardId-000000000000')).flat()).toEqual([0, 2, 4, 6]);
  expect(puts.every(({ Records }) => new Set(Records!.map((r) => r.ExplicitHashKey)).size === Records!.length)).toBe(
    true,
  );
});

test('the writer waits longer after every failure, within bounds, and with a random part', async () => {
  const sleepsWith = async (random: () => number) => {
    const { log } = logWith(1);
    const faulty = faults(log, ...Array.from({ length: 8 }, (): Fault => ({ kind: 'throttled' })));
    const { writer, sleeps } = watched(
      faulty.clientFor(() => undefined),
      { random },
    );
    await writer.append(eventsOf(['a'], 1), NEVER);
    return sleeps;
  };
  expect(await sleepsWith(() => 0)).toEqual([50, 100, 200, 400, 800, 1500, 1500, 1500]);
  expect(await sleepsWith(() => 1)).toEqual([100, 200, 400, 800, 1600, 3000, 3000, 3000]);
});

test('the writer starts with the shortest wait again after a record succeeded', async () => {
  const { log } = logWith(1);
  const throttled: Fault = { kind: 'throttled' };
  const faulty = faults(log, throttled, throttled, { kind: 'none' }, throttled);
  const { writer, sleeps } = watched(
    faulty.clientFor(() => undefined),
    { random: () => 0, maxRecordBytes: 400 },
  );
  await writer.append(eventsOf(['a'], 2), NEVER);
  expect(sleeps).toEqual([50, 100, 50]);
});

test('an event larger than a record is refused with its size and the limit, and the others are appended', async () => {
  const { log, client } = logWith(1);
  const { writer } = watched(client);
  const large = withText(eventOf(SOURCE, 1, 'a'), 'x'.repeat(1_048_576));
  const { refused } = await writer.append([eventOf(SOURCE, 0, 'a'), large, eventOf(SOURCE, 2, 'a')], NEVER);
  expect(refused).toEqual([{ index: 1, size: expect.any(Number), limit: 1_048_575 }]);
  expect(refused[0]!.size).toBeGreaterThan(1_048_576);
  expect(dataIn(recordsOf(log, 'shardId-000000000000'))).toEqual([[0], [2]]);
});

test('an event that exactly fills a record is appended, and one byte more is refused', async () => {
  const { client } = logWith(1);
  const { writer } = watched(client);
  const withBytes = (bytes: number) => [withText(eventOf(SOURCE, 0, 'a'), 'x'.repeat(bytes))];
  const { refused } = await writer.append(withBytes(1_048_576), NEVER);
  const fits = 1_048_576 - (refused[0]!.size - refused[0]!.limit);
  expect((await writer.append(withBytes(fits), NEVER)).refused).toEqual([]);
  expect((await writer.append(withBytes(fits + 1), NEVER)).refused).toMatchObject([{ size: refused[0]!.limit + 1 }]);
});

test('a batch whose events are all refused makes no request', async () => {
  const { client } = logWith(1);
  const { writer, puts } = watched(client, { maxRecordBytes: 100 });
  expect((await writer.append(eventsOf(['a'], 3), NEVER)).refused.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(puts).toEqual([]);
});

test('a record stays below what an invocation can carry, even in a stream that takes 10 MiB', async () => {
  const { log, client } = logWith(1);
  log.updateMaxRecordSize({ StreamARN: arnOf(log), MaxRecordSizeInKiB: 10_240 });
  const { writer, puts } = watched(client);
  const megabyte = randomBytes(500_000).toString('hex');
  await writer.append(
    Array.from({ length: 9 }, (_, n) => withText(eventOf(SOURCE, n, 'a'), megabyte)),
    NEVER,
  );
  const sizes = puts.flatMap(({ Records }) => Records!.map(({ Data }) => Data!.length));
  expect(Math.max(...sizes)).toBeLessThan(4 * 1024 * 1024);
  expect(sizes.length).toBe(3);
});

test('a request has at most 10 MiB', async () => {
  const { log, client } = logWith(16);
  const keys = await keysByShard(log, client);
  const { writer, puts } = watched(client);
  const text = 'x'.repeat(900_000);
  await writer.append(
    keys.map((key, n) => withText(eventOf(SOURCE, n, key), text)),
    NEVER,
  );
  expect(puts.map(({ Records }) => Records!.length)).toEqual([11, 5]);
});

test('a request has at most 500 records', async () => {
  const { log, client } = logWith(600);
  const { writer, puts } = watched(client);
  await writer.append(
    Array.from({ length: 6_000 }, (_, n) => eventOf(SOURCE, n, `k${n}`)),
    NEVER,
  );
  expect(puts[0]!.Records!.length).toBe(500);
  expect((await shardContents(log)).flatMap(({ records }) => records.flatMap(eventsIn)).length).toBe(6_000);
});

test('a compressed stream gets zstd records, and plain ones where compression would not make them smaller', async () => {
  const { log, client } = logWith(1);
  const { writer } = watched(client, { compression: 'zstd' });
  await writer.append(eventsOf(['a'], 200), NEVER);
  // Random bytes: the writer does not look at the data.
  await writer.append([{ ...eventOf(SOURCE, 200, 'a'), dataBytes: randomBytes(40_000) }], NEVER);
  const [many, noise] = recordsOf(log, 'shardId-000000000000');
  expect(eventsIn(zstdDecompressSync(many!.data)).map(({ data }) => data)).toEqual([...Array(200).keys()]);
  expect(isAggregate(noise!.data)).toBe(true);
});

test('after a split, only events that readers would drop are appended again, in order, and the shards are listed once', async () => {
  const { log, client } = logWith(1);
  const { writer, calls, puts } = watched(client);
  await writer.append([eventOf(SOURCE, 0, 'x')], NEVER);
  applyReshard(log, { kind: 'split', which: 0 });
  const keys = await keysByShard(log, client);
  await writer.append(eventsOf(keys, 6), NEVER);
  const [, low, high] = await shardContents(log);
  expect(low!.records.map((record) => eventsIn(record).map(({ data }) => data))).toEqual([[0, 1, 2, 3, 4, 5]]);
  expect(high!.records.map((record) => eventsIn(record).map(({ data }) => data))).toEqual([[1, 3, 5]]);
  expect(calls.filter((name) => name === 'ListShardsCommand').length).toBe(2);
  expect(puts.length).toBe(3);
});

test('after a merge, the remaining events are appended in the order of the batch', async () => {
  const { log, client } = logWith(2);
  const keys = await keysByShard(log, client);
  const { writer } = watched(client, { maxRecordBytes: 300 });
  await writer.append([eventOf(SOURCE, 0, keys[0]!)], NEVER);
  applyReshard(log, { kind: 'merge', which: 0 });
  await writer.append(eventsOf(keys, 8), NEVER);
  expect(dataIn(recordsOf(log, 'shardId-000000000002')).flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('the writer lists the shards until they include the one where the record landed', async () => {
  const { log } = logWith(1);
  const faulty = faultyLog(log, [
    { fault: { kind: 'none' } },
    { fault: { kind: 'none' }, reshard: { kind: 'split', which: 0 }, staleLists: 3 },
  ]);
  const { writer, calls } = watched(faulty.clientFor(() => undefined));
  await writer.append([eventOf(SOURCE, 0, 'x')], NEVER);
  await writer.append(eventsOf(['a', 'b', 'c', 'd'], 8), NEVER);
  expect(calls.filter((name) => name === 'ListShardsCommand').length).toBe(5);
});

test('append throws LogThrottled when its time ends while a shard throttles', async () => {
  const { log } = logWith(1);
  const faulty = faults(log, ...Array.from({ length: 3 }, (): Fault => ({ kind: 'throttled' })));
  const time = new AbortController();
  let sleeps = 0;
  const sleep = async (_: number, signal: AbortSignal) => {
    if (++sleeps === 3) time.abort();
    signal.throwIfAborted();
  };
  const { writer } = watched(
    faulty.clientFor(() => undefined),
    { sleep },
  );
  await expect(writer.append(eventsOf(['a'], 1), time.signal)).rejects.toMatchObject({
    name: 'LogThrottled',
    message: expect.stringContaining('shardId-000000000000'),
  });
});

test('append throws the last error when its time ends for another reason', async () => {
  const { log } = logWith(1);
  const time = new AbortController();
  const sleep = async () => time.abort();
  const { writer } = watched(
    faults(log, { kind: 'request lost' }).clientFor(() => undefined),
    { sleep },
  );
  await expect(writer.append(eventsOf(['a'], 1), time.signal)).rejects.toThrow('socket hang up');
});

test('an error that a retry cannot help is thrown at once, and the next append describes the stream again', async () => {
  const { log, client } = logWith(1);
  const { writer, calls, sleeps } = watched(client);
  await writer.append(eventsOf(['a'], 1), NEVER);
  log.deleteStream({ StreamName: STREAM });
  await expect(writer.append(eventsOf(['a'], 1), NEVER)).rejects.toThrow(ResourceNotFoundException);
  expect(sleeps).toEqual([]);
  log.createStream({ StreamName: STREAM, ShardCount: 2 });
  await writer.append(eventsOf(await keysByShard(log, client), 4), NEVER);
  expect(calls.filter((name) => name === 'ListShardsCommand').length).toBe(2);
  expect((await shardContents(log)).map(({ records }) => records.flatMap(eventsIn).map(({ data }) => data))).toEqual([
    [0, 2],
    [1, 3],
  ]);
});

test('the request in flight ends before append throws at the end of its time', async () => {
  const { client } = logWith(1);
  const time = new AbortController();
  let ended = false;
  const hanging: LogClient['send'] = ((command: object, { abortSignal }: { abortSignal: AbortSignal }) => {
    if (command.constructor.name !== 'PutRecordsCommand') return client.send(command as never);
    setImmediate(() => time.abort());
    return new Promise((_, reject) =>
      abortSignal.addEventListener('abort', () =>
        setImmediate(() => {
          ended = true;
          reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
        }),
      ),
    );
  }) as LogClient['send'];
  const writer = openLogWriter({ kinesis: { send: hanging }, stream: STREAM });
  await expect(writer.append(eventsOf(['a'], 1), time.signal)).rejects.toThrow('Request aborted');
  expect(ended).toBe(true);
});

test('append sends nothing more once its time is over', async () => {
  const { log, client } = logWith(1);
  const time = new AbortController();
  const deaf = {
    send: (async (command: never) => {
      const answer = await client.send(command);
      if (recordsOf(log, 'shardId-000000000000').length === 2) time.abort(new Error('time is over'));
      return answer;
    }) as LogClient['send'],
  };
  const { writer } = watched(deaf, { maxRecordBytes: 400 });
  await expect(writer.append(eventsOf(['a'], 5), time.signal)).rejects.toThrow('time is over');
  expect(recordsOf(log, 'shardId-000000000000').length).toBe(2);
});

test('appends of one writer wait for each other, and a failed one does not stop the next', async () => {
  const { log } = logWith(1);
  const moments = [
    { fault: { kind: 'aborted', arrives: false } as const, delay: 3 },
    { fault: { kind: 'none' } as const },
  ];
  const first = new AbortController();
  const faulty = faultyLog(log, moments);
  const { writer } = watched(faulty.clientFor(() => first.abort()));
  const results = await Promise.allSettled([
    writer.append([eventOf(SOURCE, 0, 'a')], first.signal),
    writer.append([eventOf(SOURCE, 1, 'a')], NEVER),
    writer.append([eventOf(SOURCE, 2, 'a')], NEVER),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  expect(dataIn(recordsOf(log, 'shardId-000000000000'))).toEqual([[1], [2]]);
});

test('appending no event makes no call', async () => {
  const { client } = logWith(1);
  const { writer, calls } = watched(client);
  expect(await writer.append([], NEVER)).toEqual({ records: 0, bytes: 0, refused: [] });
  expect(calls).toEqual([]);
});

test('a writer that knows the ARN and the record size never describes the stream, also after a failure', async () => {
  const { log, client } = logWith(1);
  const { writer, calls } = watched(client, { stream: arnOf(log), maxRecordBytes: 1_024 * 1_024 });
  await writer.append(eventsOf(['a'], 1), NEVER);
  log.deleteStream({ StreamName: STREAM });
  await expect(writer.append(eventsOf(['a'], 1), NEVER)).rejects.toThrow(ResourceNotFoundException);
  log.createStream({ StreamName: STREAM, ShardCount: 1 });
  await writer.append(eventsOf(['a'], 1), NEVER);
  expect(calls).toEqual([
    'ListShardsCommand',
    'PutRecordsCommand',
    'PutRecordsCommand',
    'ListShardsCommand',
    'PutRecordsCommand',
  ]);
});

function arnOf(log: Log): string {
  return log.describeStreamSummary({ StreamName: STREAM }).StreamDescriptionSummary?.StreamARN ?? '';
}
