import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openBatch } from '../../../../functions/runtime/batches/batch.ts';
import { type MarkRange, marksWithin, noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import type { OutgoingEvent } from '../../../../functions/runtime/event.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { covers } from '../../../../functions/runtime/log/shards.ts';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import type { Log } from '../../../../infra/emulator/log/log.ts';
import { type Fault, faultyLog } from './faulty-log.ts';
import { eventOf, logWith, recordsOf, shardContents } from './log-kit.ts';
import { itemsWith, KEYS, momentWith, noFault, replyLost, requestLost, throttled } from './moments.ts';

const SOURCE = '/p/s/0/g';

const fault = fc.oneof(
  { weight: 2, arbitrary: noFault },
  { weight: 3, arbitrary: throttled },
  requestLost,
  replyLost,
  fc.record<Fault & { kind: 'partial' }>({
    kind: fc.constant('partial'),
    refused: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
    code: fc.constant('ProvisionedThroughputExceededException'),
  }),
);
const moment = momentWith(fault);
/** What is appended, in order: events by the number of their key, and events that concern every key. */
const items = itemsWith('all', 30);

const made = (given: readonly (number | 'all')[]): OutgoingEvent[] =>
  given.map((item, at) =>
    item === 'all'
      ? { ...eventOf(SOURCE, at, 'all'), everywhere: true as const }
      : eventOf(SOURCE, at, KEYS[item] ?? ''),
  );

/** Reads the stream as a step does, and returns for each key the numbers of the events that concern it, in order. */
async function readByKey(log: Log): Promise<ReadonlyMap<string, readonly number[]>> {
  const found = new Map<string, number[]>(KEYS.map((key) => [key, []]));
  const marksOf = new Map<string, readonly MarkRange[]>();
  for (const { shard } of await shardContents(log)) {
    const { id, from, to, parents } = shard;
    const inherited = parents.flatMap((parent) => marksWithin(marksOf.get(parent) ?? [], from, to));
    const marks = inherited.length > 0 ? inherited : noMarks(from, to);
    const batch = openBatch(
      { position: undefined, marks, rejections: [] },
      { stream: 'orders', from, to, own: ['/p/s/'], names: ['p/reader'] },
    );
    for (const { data, sequenceNumber } of recordsOf(log, id))
      batch.take({ data, sequenceNumber, partitionKey: 'k', approximateArrivalMillis: 1 });
    marksOf.set(id, batch.state().marks);
    for (const { key, data, parts } of batch.events)
      for (const each of KEYS) {
        const isConcerned = parts === undefined ? each === key : parts.some((part) => covers(part, hashOf(each)));
        if (isConcerned) found.get(each)?.push(data as number);
      }
  }
  return found;
}

test('an event that concerns every key counts once for each key, in its place, whatever fails, through splits and merges, and when it is appended again', async () => {
  let partial = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        shards: fc.integer({ min: 1, max: 4 }),
        moments: fc.array(moment, { maxLength: 20 }),
        items,
        recordBytes: fc.constantFrom(500, 900, 4_000),
        sleeps: fc.nat(4),
      }),
      async ({ shards, moments, items, recordBytes, sleeps }) => {
        const { log } = logWith(shards);
        const faulty = faultyLog(log, moments);
        const append = async (mostSleeps: number): Promise<void> => {
          const ended = new AbortController();
          let left = mostSleeps;
          const writer = openLogWriter({
            kinesis: faulty.clientFor(() => undefined),
            stream: 'orders',
            maxRecordBytes: recordBytes,
            sleep: async () => {
              if (left-- <= 0) ended.abort(new Error('the time of the invocation is over'));
            },
          });
          await writer.append(made(items), ended.signal);
        };
        // The first attempt may end in the middle: some shards have an event then, and others have not.
        await append(sleeps).catch(() => partial++);
        await append(Number.POSITIVE_INFINITY);
        faulty.settle();
        const found = await readByKey(log);
        for (const [index, key] of KEYS.entries()) {
          const wanted = items.flatMap((item, at) => (item === 'all' || item === index ? [at] : []));
          expect(found.get(key)).toEqual(wanted);
        }
      },
    ),
    { numRuns: 120 },
  );
  expect(partial).toBeGreaterThan(10);
});
