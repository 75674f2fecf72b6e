import type { GetRecordsCommand } from '@aws-sdk/client-kinesis';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ReadPage, type ReadSettings, readShard } from '../../../../functions/runtime/log/log-reader.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import type { LogClient } from '../../../../infra/emulator/log/client.ts';
import { applyReshard } from './faulty-log.ts';
import { logWith, NEVER, recordsOf, STREAM } from './log-kit.ts';

const SHARD = 'shardId-000000000000';

/** The outcome of one GetRecords call: that many records, or none although there are some, or an error. */
const answer = fc.oneof(
  fc.record({ records: fc.integer({ min: 1, max: 4 }) }),
  fc.constantFrom('none', 'ExpiredIteratorException', 'ProvisionedThroughputExceededException', 'TimeoutError'),
);

const schedule = fc.record({
  count: fc.integer({ min: 1, max: 12 }),
  after: fc.option(fc.nat(11), { nil: undefined }),
  inside: fc.boolean(),
  to: fc.option(fc.nat(11), { nil: undefined }),
  closed: fc.boolean(),
  answers: fc.array(answer, { maxLength: 40 }),
});
type Answer = typeof answer extends fc.Arbitrary<infer A> ? A : never;

function faultyPages(client: LogClient, answers: readonly Answer[]): LogClient {
  const given = [...answers];
  const send = async (command: GetRecordsCommand) => {
    if (command.constructor.name !== 'GetRecordsCommand') return client.send(command as never);
    const next = given.shift() ?? { records: 10_000 };
    if (next === 'none') return { Records: [], MillisBehindLatest: 1, NextShardIterator: command.input.ShardIterator };
    if (typeof next === 'string') throw Object.assign(new Error(next), { name: next, $fault: 'client' });
    return client.send(Object.assign(command, { input: { ...command.input, Limit: next.records } }));
  };
  return { send: send as LogClient['send'] };
}

/** Makes a shard whose n-th record is the byte n, and the positions of its records. */
function shardWith(count: number, closed: boolean) {
  let nowMillis = 1_760_000_000_000;
  const { log, client } = logWith(1, { clock: { now: () => nowMillis } });
  for (let n = 0; n < count; n++) log.putRecord({ StreamName: STREAM, PartitionKey: 'k', Data: Buffer.from([n]) });
  nowMillis += 1_000;
  if (closed) applyReshard(log, { kind: 'split', which: 0 });
  return { client, records: recordsOf(log, SHARD) };
}

async function readAll(settings: ReadSettings): Promise<{ read: number[]; ends: unknown[] }> {
  const pages: ReadPage[] = [];
  for await (const page of readShard(settings)) pages.push(page);
  return {
    read: pages.flatMap(({ records }) => records.map(({ data }) => data[0]!)),
    ends: pages.map(({ end }) => end),
  };
}

test('a range is read exactly, whatever its pages are and however often reading is interrupted', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ count, after, inside, to, closed, answers }) => {
      const { client, records } = shardWith(count, closed);
      const first = after === undefined ? -1 : Math.min(after, count - 1);
      const last = to === undefined ? count - 1 : Math.min(to, count - 1);
      const { read, ends } = await readAll({
        kinesis: faultyPages(client, answers),
        stream: STREAM,
        shardId: SHARD,
        after: records[first] && (inside ? positionOf(records[first].sequenceNumber, 0) : records[first].position),
        ...(to !== undefined && { to: records[last]!.position }),
        signal: NEVER,
        sleep: async () => undefined,
      });
      const from = first >= 0 && inside ? first : first + 1;
      expect(read).toEqual([...Array(count).keys()].slice(from, last + 1));
      const why = closed ? 'shard-end' : 'caught-up';
      expect(ends).toEqual([...ends.slice(1).map(() => undefined), to === undefined ? why : 'to']);
    }),
    { numRuns: 500 },
  );
});
