import type { GetRecordsCommand, GetRecordsOutput } from '@aws-sdk/client-kinesis';
import { expect, test } from 'vitest';
import {
  LostRange,
  type ReadPage,
  type ReadSettings,
  readShard,
} from '../../../../functions/runtime/log/log-reader.ts';
import { endOfRecord, type Position, positionOf } from '../../../../functions/runtime/position.ts';
import { virtualClock } from '../../../../infra/emulator/clock.ts';
import { type LogClient, logClient } from '../../../../infra/emulator/log/client.ts';
import { createLog, type LogOptions } from '../../../../infra/emulator/log/log.ts';
import { applyReshard } from './faulty-log.ts';
import { NEVER, recordsOf, STREAM } from './log-kit.ts';
import { paddingClient } from './padding-client.ts';

const SHARD = 'shardId-000000000000';
const HOUR = 3_600_000;

/** Makes a stream of one shard, with a clock that moves whenever somebody sleeps. */
function stream(options: Partial<LogOptions> = {}) {
  const clock = virtualClock({ startMillis: 1_760_000_000_000 });
  const log = createLog({ clock, seed: 1, limits: 'off', transitionMillis: 0, ...options });
  log.createStream({ StreamName: STREAM, ShardCount: 1 });
  const put = (...texts: string[]) => {
    for (const text of texts) log.putRecord({ StreamName: STREAM, PartitionKey: 'k', Data: Buffer.from(text) });
  };
  return {
    clock,
    log,
    put,
    client: logClient(log),
    positions: () => recordsOf(log, SHARD).map(({ position }) => position),
  };
}

type Stream = ReturnType<typeof stream>;

async function pages({ client, clock }: Stream, settings: Partial<ReadSettings> = {}): Promise<ReadPage[]> {
  const read: ReadPage[] = [];
  const reading = (async () => {
    const given = {
      kinesis: client,
      stream: STREAM,
      shardId: SHARD,
      after: undefined,
      signal: NEVER,
      sleep: clock.sleep,
    };
    for await (const page of readShard({ ...given, ...settings })) read.push(page);
  })();
  await clock.runUntil(reading);
  return read;
}

const texts = (read: readonly ReadPage[]) =>
  read.flatMap(({ records }) => records.map(({ data }) => Buffer.from(data).toString()));
const end = (read: readonly ReadPage[]) => read.at(-1)?.end;

/** Makes a client that answers GetRecords with `answer`, which may pass the call on. */
function answering(
  client: LogClient,
  answer: (command: GetRecordsCommand, pass: () => Promise<GetRecordsOutput>) => unknown,
): LogClient {
  return {
    send: (async (command: GetRecordsCommand, options: never) => {
      const pass = () => client.send(command as never, options) as Promise<GetRecordsOutput>;
      return command.constructor.name === 'GetRecordsCommand' ? answer(command, pass) : pass();
    }) as LogClient['send'],
  };
}

test('a shard is read from its start to its present end', async () => {
  const given = stream();
  given.put('a', 'b', 'c');
  const read = await pages(given);
  expect(texts(read)).toEqual(['a', 'b', 'c']);
  expect(read).toMatchObject([{ millisBehindLatest: 0, end: 'caught-up' }]);
  expect(read[0]?.records[0]).toEqual({
    sequenceNumber: expect.stringMatching(/^\d{56}$/),
    partitionKey: 'k',
    data: expect.any(Uint8Array),
    approximateArrivalMillis: 1_760_000_000_000,
  });
});

test.each<
  [string, (p: readonly Position[]) => [Position | undefined, Position | undefined], { gives: string[]; end: string }]
>([
  ['after a record', (p) => [p[0], undefined], { gives: ['b', 'c', 'd'], end: 'caught-up' }],
  ['after the last record', (p) => [p[3], undefined], { gives: [], end: 'caught-up' }],
  ['to a record', (p) => [undefined, p[1]], { gives: ['a', 'b'], end: 'to' }],
  ['between two records', (p) => [p[0], p[2]], { gives: ['b', 'c'], end: 'to' }],
  ['between equal positions', (p) => [p[1], p[1]], { gives: [], end: 'to' }],
  ['to before its start', (p) => [p[2], p[0]], { gives: [], end: 'to' }],
  ['to the last record', (p) => [p[2], p[3]], { gives: ['d'], end: 'to' }],
])('reads %s', async (_, range, expected) => {
  const given = stream();
  given.put('a', 'b', 'c', 'd');
  const [after, to] = range(given.positions());
  const read = await pages(given, { after, ...(to && { to }) });
  expect({ gives: texts(read), end: end(read) }).toEqual(expected);
});

test('the records that contain the position and the end of a range come as a whole', async () => {
  const given = stream();
  given.put('a', 'b', 'c', 'd');
  const inside = (index: number) => positionOf(recordsOf(given.log, SHARD)[index]!.sequenceNumber, 3);
  expect(texts(await pages(given, { after: inside(1), to: inside(2) }))).toEqual(['b', 'c']);
});

test('a record after the end of a range is left out, even when the record at its end is gone', async () => {
  const given = stream();
  given.put('a', 'b');
  const [a] = recordsOf(given.log, SHARD);
  const to = endOfRecord(String(BigInt(a!.sequenceNumber) + 1n));
  const read = await pages(given, { to });
  expect([texts(read), end(read)]).toEqual([['a'], 'to']);
});

test('reading starts at a time where there is no position', async () => {
  const given = stream();
  given.put('a');
  await given.clock.advance(HOUR);
  given.put('b');
  expect(texts(await pages(given, { start: new Date(given.clock.now() - 1_000) }))).toEqual(['b']);
});

test('a closed shard ends with shard-end, even when it is read from its last record', async () => {
  const given = stream();
  given.put('a', 'b');
  applyReshard(given.log, { kind: 'split', which: 0 });
  given.put('c');
  const read = await pages(given);
  expect([texts(read), end(read)]).toEqual([['a', 'b'], 'shard-end']);
  const rest = await pages(given, { after: given.positions().at(-1) });
  expect([texts(rest), end(rest)]).toEqual([[], 'shard-end']);
});

test('reading goes on through empty pages, five calls a second, and yields none of them', async () => {
  const given = stream();
  given.put('a', 'b');
  const started = given.clock.now();
  let calls = 0;
  const client = answering(given.client, async ({ input }, pass) => {
    if (++calls % 7 !== 0) return { Records: [], MillisBehindLatest: 5_000, NextShardIterator: input.ShardIterator };
    return pass();
  });
  const read = await pages(given, { kinesis: client });
  expect([texts(read), read.length, calls]).toEqual([['a', 'b'], 1, 7]);
  expect(given.clock.now() - started).toBe(6 * 200);
});

test('an iterator that expires during the work on a page is replaced, and no record is read twice or left out', async () => {
  const given = stream();
  given.put('a', 'b', 'c');
  await given.clock.advance(1);
  const client = answering(given.client, (command, pass) => {
    Object.assign(command.input, { Limit: 1 });
    return pass();
  });
  const reader = readShard({
    kinesis: client,
    stream: STREAM,
    shardId: SHARD,
    after: undefined,
    signal: NEVER,
    sleep: async () => undefined,
  });
  const seen: ReadPage[] = [];
  for await (const page of reader) {
    seen.push(page);
    await given.clock.advance(6 * 60_000);
  }
  expect(texts(seen)).toEqual(['a', 'b', 'c']);
});

test('the reader stays within a shard’s calls and bytes, and retries when it is throttled', async () => {
  const given = stream({ limits: 'enforced' });
  const text = 'x'.repeat(900_000);
  for (let n = 0; n < 40; n++) {
    given.put(`${n}${text}`);
    await given.clock.advance(1_000);
  }
  let calls = 0;
  const client = answering(given.client, (_, pass) => {
    calls++;
    return pass();
  });
  const started = given.clock.now();
  const read = await pages(given, { kinesis: client });
  expect(texts(read).length).toBe(40);
  const seconds = (given.clock.now() - started) / 1_000;
  expect(seconds).toBeGreaterThan(10);
  expect(calls / seconds).toBeLessThan(5);
});

test('a call whose socket breaks is made again', async () => {
  const given = stream();
  given.put('a');
  let calls = 0;
  const client = answering(given.client, (_, pass) => {
    if (++calls <= 2) throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    return pass();
  });
  expect(texts(await pages(given, { kinesis: client }))).toEqual(['a']);
});

test('reading throws when its signal aborts, even during a wait', async () => {
  const given = stream();
  const time = new AbortController();
  const client = answering(given.client, ({ input }) => {
    time.abort(new Error('time is over'));
    return { Records: [], MillisBehindLatest: 5_000, NextShardIterator: input.ShardIterator };
  });
  await expect(pages(given, { kinesis: client, signal: time.signal })).rejects.toThrow('time is over');
});

test('leaving the loop ends the wait for the next call', async () => {
  const given = stream();
  given.put('a', 'b');
  const waits: AbortSignal[] = [];
  const client = answering(given.client, async (_, pass) => ({ ...(await pass()), MillisBehindLatest: 1 }));
  const sleep = (_: number, signal: AbortSignal) => {
    waits.push(signal);
    return new Promise<void>(() => undefined);
  };
  const given_ = { kinesis: client, stream: STREAM, shardId: SHARD, after: undefined, signal: NEVER, sleep };
  for await (const page of readShard(given_)) {
    expect(page.records.length).toBe(2);
    break;
  }
  expect(waits.map(({ aborted }) => aborted)).toEqual([true]);
});

/** The three answers to a trimmed sequence number that have been seen. */
const trimmedAnswers: [string, (given: Stream) => LogClient][] = [
  ['starts at the horizon without a word', ({ client }) => client],
  [
    'is refused',
    ({ client }) => ({
      send: (async (command: { input: { StartingSequenceNumber?: string } }, options: never) => {
        if (!command.input.StartingSequenceNumber) return client.send(command as never, options);
        throw Object.assign(new Error('invalid StartingSequenceNumber'), {
          name: 'InvalidArgumentException',
          $fault: 'client',
        });
      }) as LogClient['send'],
    }),
  ],
  [
    'gives empty pages for ever',
    ({ client }) => {
      const stuck = new Set<string>();
      return {
        send: (async (
          command: { input: { StartingSequenceNumber?: string; ShardIterator?: string } },
          options: never,
        ) => {
          const { StartingSequenceNumber, ShardIterator = '' } = command.input;
          if (stuck.has(ShardIterator))
            return { Records: [], MillisBehindLatest: 24 * HOUR, NextShardIterator: ShardIterator };
          const answer = await client.send(command as never, options);
          if (StartingSequenceNumber) stuck.add((answer as { ShardIterator?: string }).ShardIterator ?? '');
          return answer;
        }) as LogClient['send'],
      };
    },
  ],
];

async function trimmedStream() {
  const given = stream();
  given.put('a', 'b');
  const [, after] = given.positions();
  await given.clock.advance(12 * HOUR);
  given.put('c');
  await given.clock.advance(13 * HOUR);
  return { given, after: after! };
}

test.each(trimmedAnswers)(
  'a position whose record is trimmed away is a lost range, when the shard %s',
  async (_, clientOf) => {
    const { given, after } = await trimmedStream();
    const reading = pages(given, { kinesis: clientOf(given), after });
    const error = await reading.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(LostRange);
    const { earliest, position, shardId } = error as LostRange;
    expect([shardId, position, Buffer.from(earliest?.data ?? []).toString()]).toEqual([SHARD, after, 'c']);
  },
);

test.each(trimmedAnswers)(
  'is none when the caller had caught up since, and reading goes on, when the shard %s',
  async (_, clientOf) => {
    const { given, after } = await trimmedStream();
    const read = await pages(given, { kinesis: clientOf(given), after, trimmedIsNoLoss: true });
    expect([texts(read), end(read)]).toEqual([['c'], 'caught-up']);
  },
);

test('a position inside a record that is trimmed away is always a lost range', async () => {
  const { given, after } = await trimmedStream();
  const inside = `${after.slice(0, -4)}---0` as Position;
  await expect(pages(given, { after: inside, trimmedIsNoLoss: true })).rejects.toThrow(LostRange);
});

test('a shard without any record left is a lost range without an earliest record', async () => {
  const given = stream();
  given.put('a');
  const [after] = given.positions();
  await given.clock.advance(25 * HOUR);
  await expect(pages(given, { after })).rejects.toMatchObject({ name: 'LostRange', earliest: undefined });
  const read = await pages(given, { after, trimmedIsNoLoss: true });
  expect([texts(read), end(read)]).toEqual([[], 'caught-up']);
});

test('records that are trimmed during reading are a lost range', async () => {
  const given = stream();
  given.put('a');
  await given.clock.advance(HOUR);
  given.put('b');
  await given.clock.advance(HOUR);
  given.put('c');
  const client = answering(given.client, async (command, pass) => {
    Object.assign(command.input, { Limit: 1 });
    return pass();
  });
  const given_ = {
    kinesis: client,
    stream: STREAM,
    shardId: SHARD,
    after: undefined,
    signal: NEVER,
    sleep: async () => undefined,
  };
  const reader = readShard(given_);
  expect(texts([(await reader.next()).value as ReadPage])).toEqual(['a']);
  await given.clock.advance(23.5 * HOUR);
  await expect(reader.next()).rejects.toMatchObject({ name: 'LostRange', earliest: { data: new Uint8Array([0x63]) } });
});

test('many empty pages before the first record are not a lost range', async () => {
  const given = stream();
  given.put('a', 'b');
  const [after] = given.positions();
  let calls = 0;
  const client = answering(given.client, async ({ input }, pass) => {
    if (input.Limit === undefined && ++calls <= 30) {
      return { Records: [], MillisBehindLatest: 5_000, NextShardIterator: input.ShardIterator };
    }
    return pass();
  });
  const read = await pages(given, { kinesis: client, after: after ?? endOfRecord('0') });
  expect([texts(read), end(read)]).toEqual([['b'], 'caught-up']);
});

test('a range whose end the shard does not have is an error, not a shorter range', async () => {
  const given = stream();
  given.put('a', 'b');
  const [, b] = given.positions();
  const after = positionOf(String(BigInt(recordsOf(given.log, SHARD)[1]!.sequenceNumber) + 1n), 0);
  expect(after > (b ?? '')).toBe(true);
  await expect(pages(given, { to: after })).rejects.toThrow('to which it was to be read');
});

test('a range is read to its end, even when the shard seems to have no more records', async () => {
  const given = stream();
  given.put('a', 'b', 'c');
  const client = answering(given.client, async (command, pass) => {
    Object.assign(command.input, { Limit: 1 });
    return { ...(await pass()), MillisBehindLatest: 0 };
  });
  const [after, , to] = given.positions();
  const read = await pages(given, { kinesis: client, after, to: to! });
  expect([texts(read), end(read)]).toEqual([['b', 'c'], 'to']);
});

test('a server that writes leading zeros and compares sequence numbers as texts skips nothing', async () => {
  const given = stream();
  given.put('a', 'b', 'c');
  const [after] = given.positions();
  const client = paddingClient(given.client, () =>
    recordsOf(given.log, SHARD).map(({ sequenceNumber }) => sequenceNumber),
  );
  const read = await pages(given, { kinesis: client, after: after ?? endOfRecord('0') });
  expect([texts(read), end(read)]).toEqual([['b', 'c'], 'caught-up']);
});

test('reading a shard that does not exist is an error that names it', async () => {
  await expect(pages(stream(), { shardId: 'shardId-000000000007' })).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
});
