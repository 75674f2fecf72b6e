import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutgoingEvent } from '../../../../functions/runtime/event.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { covers } from '../../../../functions/runtime/log/shards.ts';
import { decodeRecord } from '../../../../functions/runtime/record-codec/decode.ts';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import { type Tick, tickEverywhere } from '../../../../functions/runtime/time/tick.ts';
import { kplDeaggregate } from '../record-codec/kinesis-agg.ts';
import { type Fault, faultyLog } from './faulty-log.ts';
import { eventOf, logWith, shardContents } from './log-kit.ts';
import { itemsWith, KEYS, momentWith, noFault, replyLost, requestLost, throttled } from './moments.ts';

const SOURCE = '/p/s/0';

const fault = fc.oneof(
  { weight: 4, arbitrary: noFault },
  throttled,
  requestLost,
  replyLost,
  fc.record<Fault & { kind: 'late' }>({ kind: fc.constant('late'), calls: fc.nat(4) }),
);
const moment = momentWith(fault);
/** What is appended, in order: events by the number of their key, and ticks. */
const items = itemsWith('tick', 40);

const made = (given: readonly (number | 'tick')[]): OutgoingEvent[] =>
  given.map((item, at) =>
    item === 'tick' ? tickEverywhere(SOURCE, { millis: at }) : eventOf(SOURCE, at, KEYS[item] ?? ''),
  );

/** An event, by its number, or a tick. */
interface Item {
  readonly tick: Tick | undefined;
  readonly key: string | undefined;
  readonly at: number;
}

function itemsIn(data: Uint8Array): readonly Item[] {
  const record = { sequenceNumber: '1', partitionKey: 'a', data, approximateArrivalMillis: 0 };
  const { entries, ticks } = decodeRecord(record, { name: 's' });
  const ticksAt = (index: number): Item[] =>
    ticks.flatMap(({ tick, entriesBefore }) =>
      entriesBefore === index ? [{ tick, key: undefined, at: tick.millis }] : [],
    );
  const events = entries.flatMap((entry, index): Item[] => {
    const event = 'event' in entry ? entry.event : undefined;
    return [...ticksAt(index), { tick: undefined, key: event?.key, at: event?.data as number }];
  });
  return [...events, ...ticksAt(entries.length)];
}

function isFor(item: Item, { key, hash }: { readonly key: string; readonly hash: bigint }): boolean {
  return item.tick === undefined ? item.key === key : covers(item.tick.aim, hash);
}

/** What a reader of the whole stream finds for a key, in the order of the log: numbers of events, and ticks. */
async function readFor(log: Parameters<typeof shardContents>[0], key: string) {
  const hash = hashOf(key);
  const found: Item[] = [];
  for (const { shard, records } of await shardContents(log)) {
    if (!covers(shard, hash)) continue;
    for (const data of records) found.push(...itemsIn(data).filter((item) => isFor(item, { key, hash })));
  }
  return found;
}

test('every key meets every tick, and before a tick all events that were appended before it, whatever fails and through splits and merges', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        shards: fc.integer({ min: 1, max: 4 }),
        moments: fc.array(moment, { maxLength: 20 }),
        items,
        recordBytes: fc.constantFrom(500, 900, 4_000),
      }),
      async ({ shards, moments, items, recordBytes }) => {
        const { log } = logWith(shards);
        const faulty = faultyLog(log, moments);
        const writer = openLogWriter({
          kinesis: faulty.clientFor(() => undefined),
          stream: 'orders',
          maxRecordBytes: recordBytes,
          sleep: async () => undefined,
        });
        await writer.append(made(items), new AbortController().signal);
        faulty.settle();
        for (const key of KEYS) {
          const found = await readFor(log, key);
          const wanted = items.flatMap((item, at) => (item === 'tick' ? [at] : []));
          expect(new Set(found.flatMap(({ tick, at }) => (tick ? [at] : [])))).toEqual(new Set(wanted));
          for (const [place, { tick, at }] of found.entries()) {
            if (!tick) continue;
            const before = found.slice(0, place).flatMap((one) => (one.tick ? [] : [one.at]));
            const missing = items.flatMap((item, n) =>
              n < at && item !== 'tick' && KEYS[item] === key && !before.includes(n) ? [n] : [],
            );
            expect(missing).toEqual([]);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a reader with the deaggregation of the KPL, which knows nothing of ticks, gets every event once and tells a tick by its type', async () => {
  const { log, client } = logWith(2);
  const writer = openLogWriter({ kinesis: client, stream: 'orders' });
  const given = [0, 1, 'tick', 2, 3, 'tick', 4, 5] as const;
  await writer.append(made(given), new AbortController().signal);
  const types: string[] = [];
  for (const { shard, records } of await shardContents(log))
    for (const data of records)
      for (const { partitionKey, explicitPartitionKey, data: base64 } of kplDeaggregate(Buffer.from(data))) {
        // The KCL drops what hashes outside of the shard.
        const hash = explicitPartitionKey === undefined ? hashOf(partitionKey) : BigInt(explicitPartitionKey);
        if (!covers(shard, hash)) continue;
        const { type, partitionkey } = JSON.parse(Buffer.from(base64, 'base64').toString());
        types.push(type === 'millrace.tick' ? type : partitionkey);
      }
  const ticks = Array.from({ length: 4 }, () => 'millrace.tick');
  expect(types.toSorted()).toEqual([...KEYS.slice(0, 6), ...ticks].toSorted());
});
