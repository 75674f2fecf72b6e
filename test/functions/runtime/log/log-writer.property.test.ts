import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutgoingEvent } from '../../../../functions/runtime/event.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { covers } from '../../../../functions/runtime/log/shards.ts';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import { type Fault, faultyLog, type Moment } from './faulty-log.ts';
import { eventOf, eventsIn, logWith, readOnce, STREAM, shardContents } from './log-kit.ts';
import { noFault, replyLost, requestLost, throttled } from './moments.ts';

const refusals = [
  fc.record<Fault & { kind: 'partial' }>({
    kind: fc.constant('partial'),
    refused: fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }),
    code: fc.constantFrom('ProvisionedThroughputExceededException', 'InternalFailure'),
  }),
  throttled,
  requestLost,
];
const doubts = [
  replyLost,
  fc.record<Fault & { kind: 'late' }>({ kind: fc.constant('late'), calls: fc.nat(6) }),
  fc.record<Fault & { kind: 'aborted' }>({ kind: fc.constant('aborted'), arrives: fc.boolean() }),
];

interface Given {
  readonly shards: number;
  readonly moments: readonly Moment[];
  /** The keys of each source's events, in order. */
  readonly sources: readonly (readonly number[])[];
  /**
   * The number of events of each invocation of a step, and whether an earlier invocation, which was abandoned, still
   * works on them.
   */
  readonly cuts: readonly { readonly events: number; readonly twin: boolean }[];
  readonly recordBytes: number;
}

function schedules(faults: readonly fc.Arbitrary<Fault>[], twin: fc.Arbitrary<boolean>): fc.Arbitrary<Given> {
  const moment: fc.Arbitrary<Moment> = fc.record(
    {
      fault: fc.oneof({ weight: faults.length, arbitrary: noFault }, ...faults),
      reshard: fc.record({ kind: fc.constantFrom('split' as const, 'merge' as const), which: fc.nat(7) }),
      staleLists: fc.nat(3),
      delay: fc.nat(3),
    },
    { requiredKeys: ['fault'] },
  );
  return fc.record({
    shards: fc.integer({ min: 1, max: 4 }),
    moments: fc.array(moment, { maxLength: 25 }),
    sources: fc.array(fc.array(fc.nat(11), { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 3 }),
    cuts: fc.array(fc.record({ events: fc.integer({ min: 1, max: 12 }), twin }), { minLength: 1, maxLength: 8 }),
    recordBytes: fc.constantFrom(400, 700, 2_000),
  });
}

/** Runs a step for each source, concurrently. The next invocation appends what a failed one had to append. */
async function run({ shards, moments, sources, cuts, recordBytes }: Given) {
  const { log } = logWith(shards);
  const faulty = faultyLog(log, moments);

  async function invoke(events: readonly OutgoingEvent[]): Promise<boolean> {
    const invocation = new AbortController();
    const writer = openLogWriter({
      kinesis: faulty.clientFor(() => invocation.abort()),
      stream: STREAM,
      maxRecordBytes: recordBytes,
      sleep: async (_, signal) => signal.throwIfAborted(),
    });
    try {
      await writer.append(events, invocation.signal);
      return true;
    } catch (error) {
      if (!invocation.signal.aborted) throw error;
      return false;
    }
  }

  async function runStep(events: readonly OutgoingEvent[]): Promise<void> {
    const twins: Promise<unknown>[] = [];
    for (let from = 0, attempt = 0; from < events.length; attempt++) {
      const cut = cuts[attempt % cuts.length]!;
      const part = events.slice(from, from + cut.events);
      if (cut.twin) twins.push(invoke(part));
      if (await invoke(part)) from += part.length;
    }
    await Promise.all(twins);
  }

  const batches = sources.map((keys, number) => keys.map((key, at) => eventOf(`/p/s/${number}`, at, `key-${key}`)));
  await Promise.all(batches.map(runStep));
  expect(faulty.pending()).toBe(0);
  faulty.settle();
  return { log, sent: batches.flat() };
}

const place = ({ source, sequence }: { source: string; sequence: string | undefined }) => `${source} ${sequence}`;

test('a reader that drops duplicates sees every event exactly once, and the events of one key and source in order, whatever fails', async () => {
  await fc.assert(
    fc.asyncProperty(schedules([...refusals, ...doubts], fc.boolean()), async (given) => {
      const { log, sent } = await run(given);
      const seen = await readOnce(log);
      expect(seen.map(place).sort()).toEqual(sent.map(place).sort());
      for (const events of Map.groupBy(seen, ({ source, partitionkey }) => `${source} ${partitionkey}`).values()) {
        expect(events).toEqual(events.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1)));
      }
    }),
    { numRuns: 500 },
  );
});

test('an event whose outcome was always known is in the log once, through splits and merges', async () => {
  await fc.assert(
    fc.asyncProperty(schedules(refusals, fc.constant(false)), async (given) => {
      const { log, sent } = await run(given);
      const inRange = (await shardContents(log)).flatMap(({ shard, records }) =>
        records.flatMap(eventsIn).filter(({ partitionkey }) => covers(shard, hashOf(partitionkey))),
      );
      expect(inRange.map(place).sort()).toEqual(sent.map(place).sort());
    }),
    { numRuns: 200 },
  );
});
