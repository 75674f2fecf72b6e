import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StaleCheckpoint } from '../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { Position } from '../../functions/runtime/position.ts';
import type { OpenSink, Slice } from '../../functions/runtime/sink.ts';
import { logOf, positionAfter, sliceOf } from './slices.ts';

/** A sink with a place of its own to write to. */
export interface SinkHarness {
  /** Whether it commits its progress with what it stores, and has `loadProgress`. */
  readonly keepsProgress: boolean;
  open(): Promise<{
    /** The step that `sink` is opened as. */
    readonly step: string;
    /** The sink as another process opens it. */
    sink(): OpenSink;
    /** The data of an event that lands. */
    good(n: number): unknown;
    /** The data of one that the destination refuses for good. */
    bad(n: number): unknown;
    /** The numbers of the events that have landed, in groups inside which order is kept: a table, a partition. */
    landed(): Promise<readonly (readonly number[])[]>;
    /** All that is stored, to be compared: rows, or names and bytes. */
    contents(): Promise<unknown>;
    /** From the request that makes events durable on, before or after it has taken effect, nothing gets through until `heal`. */
    cut(when: 'before' | 'after'): void;
    /** Throws when nothing was cut. */
    heal(): void;
    close(): Promise<void>;
  }>;
}

type Place = Awaited<ReturnType<SinkHarness['open']>>;

const SHARD = 'stream/shardId-000000000000';

/** What a sink promises the runtime. */
export function sinkContract(name: string, harness: SinkHarness): void {
  let place: Place;
  const goods = (count: number): readonly ReceivedEvent[] =>
    logOf(Array.from({ length: count }, (_, n) => ({ data: place.good(n) })));

  describe(`the sink ${name}`, () => {
    beforeEach(async () => {
      place = await harness.open();
    });
    afterEach(() => place.close());

    test('lands every event of a slice, in order', async () => {
      expect(await deliver(place, goods(20))).toEqual([]);
      expect(await landed(place)).toEqual(numbers(20));
    });

    test('goes on where the slice before ended, wherever that was', async () => {
      const events = goods(12);
      const cuts = [0, 1, 2, 5, 6, 11, 12];
      for (const [index, start] of cuts.slice(0, -1).entries()) {
        await deliver(place, events.slice(start, cuts[index + 1]), { from: positionAfter(start) });
      }
      expect(await landed(place)).toEqual(numbers(12));
    });

    test('resolves to the events it refuses, and lands the others in their order', async () => {
      const events = someBad(place);
      const rejections = await place.sink().write(slice(place, events));
      expect(rejections.map(({ at, reason, bytes }) => ({ at, reason, bytes }))).toEqual(
        BAD.map((n) => ({ at: events[n]?.position, reason: 'refused', bytes: events[n]?.bytes })),
      );
      expect(await landed(place)).toEqual(GOOD);
    });

    test('says whether there is nothing yet where it writes', async () => {
      const isEmpty = () => place.sink().isEmpty(AbortSignal.timeout(10_000));
      expect(await isEmpty()).toBe(true);
      await deliver(place, goods(3));
      expect(await isEmpty()).toBe(false);
    });

    test('takes a slice whose events it all refuses', async () => {
      const events = logOf([{ data: place.bad(0) }, { data: place.bad(1) }]);
      expect(await deliver(place, events)).toEqual(events.map(({ position }) => position));
      expect(await landed(place)).toEqual([]);
    });

    test('takes a slice without events', async () => {
      await deliver(place, [], { to: positionAfter(5) });
      await deliver(place, goods(8).slice(5), { from: positionAfter(5) });
      expect(await landed(place)).toEqual([5, 6, 7]);
    });

    test.each(['before', 'after'] as const)(
      'lands events once when the connection is lost just %s they are durable',
      async (when) => {
        const events = someBad(place);
        place.cut(when);
        await expect(place.sink().write(slice(place, events))).rejects.toThrow();
        place.heal();
        expect(await deliver(place, events)).toEqual(BAD.map((n) => events[n]?.position));
        expect(await landed(place)).toEqual(GOOD);
      },
    );

    test('goes on with the same process after the connection was lost', async () => {
      const sink = place.sink();
      await sink.write(slice(place, goods(3)));
      place.cut('before');
      const rest = goods(6).slice(3);
      await expect(sink.write(slice(place, rest, { from: positionAfter(3), previous: 1 }))).rejects.toThrow();
      place.heal();
      await sink.write(slice(place, rest, { from: positionAfter(3), previous: 1 }));
      expect(await landed(place)).toEqual(numbers(6));
    });

    test('stores the same when a slice is written again by a twin that is behind', async () => {
      const events = someBad(place);
      await place.sink().write(slice(place, events));
      const before = await place.contents();
      await mayBeStale(place.sink().write(slice(place, events)));
      expect(await place.contents()).toEqual(before);
    });

    test('stores events once when twins write the same slice at the same time', async () => {
      const events = goods(200);
      const twins = [place.sink(), place.sink(), place.sink()].map((sink) => sink.write(slice(place, events)));
      const outcomes = await Promise.allSettled(twins.map(mayBeStale));
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      expect(await landed(place)).toEqual(numbers(200));
    });

    test('gives up when the invocation has to end, and then nothing counts twice', async () => {
      const events = goods(10);
      const ending = new AbortController();
      async function* pages(): AsyncIterable<readonly ReceivedEvent[]> {
        yield events.slice(0, 5);
        ending.abort(new Error('the invocation ends'));
        yield events.slice(5);
      }
      const cutOff = { ...slice(place, events), pages: pages(), signal: ending.signal };
      await expect(place.sink().write(cutOff)).rejects.toThrow('the invocation ends');
      await deliver(place, events);
      expect(await landed(place)).toEqual(numbers(10));
    });

    test(`${harness.keepsProgress ? 'keeps' : 'leaves'} its progress ${harness.keepsProgress ? 'with what it stores, by shard' : 'to the runtime'}`, async () => {
      const [first, second] = [place.sink(), place.sink()];
      expect(first.loadProgress !== undefined).toBe(harness.keepsProgress);
      const load = (shard: string) => second.loadProgress?.(shard, AbortSignal.timeout(10_000));
      expect(await load(SHARD)).toBeUndefined();
      const events = someBad(place);
      const written = slice(place, events);
      const rejections = await first.write(written);
      const { revision, state } = written.progress(rejections);
      expect(await load(SHARD)).toEqual(harness.keepsProgress ? { revision, state } : undefined);
      expect(await load('stream/shardId-000000000001')).toBeUndefined();
    });
  });
}

/** Of ten events, two in a row and the last. */
const BAD = [2, 3, 9];
const GOOD = [0, 1, 4, 5, 6, 7, 8];

function someBad(place: Place): readonly ReceivedEvent[] {
  return logOf(Array.from({ length: 10 }, (_, n) => ({ data: BAD.includes(n) ? place.bad(n) : place.good(n) })));
}

/** Where a slice begins and ends, if not at the start of the shard and its last event, and the revision that it replaces. */
interface Around {
  readonly from?: Position | undefined;
  readonly to?: Position | undefined;
  readonly previous?: number | undefined;
}

function slice(place: Place, events: readonly ReceivedEvent[], { from, to, previous = 0 }: Around = {}): Slice {
  return sliceOf({ events, from, previous, shard: SHARD, step: place.step, pageSize: 4, ...(to && { to }) });
}

/** The runtime's part: loads the progress, and writes what is not committed yet. Resolves to what was refused. */
async function deliver(
  place: Place,
  events: readonly ReceivedEvent[],
  around: Around = {},
): Promise<readonly string[]> {
  const sink = place.sink();
  const stored = await sink.loadProgress?.(SHARD, AbortSignal.timeout(10_000));
  const to = around.to ?? events.at(-1)?.position;
  const committed: { to: Position; rejections: readonly string[] } | undefined = stored && JSON.parse(stored.state);
  if (committed !== undefined && to !== undefined && committed.to >= to) return committed.rejections;
  const rejections = await sink.write(slice(place, events, { ...around, previous: stored?.revision }));
  return rejections.map(({ at }) => at);
}

/** A sink that keeps its own progress says that it is behind; any other stores the same again. */
async function mayBeStale(writing: Promise<unknown>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
  }
}

/** In the log's order, which each group has to keep. */
async function landed(place: Place): Promise<readonly number[]> {
  const groups = await place.landed();
  for (const group of groups) expect(group).toEqual([...group].sort((a, b) => a - b));
  return groups.flat().sort((a, b) => a - b);
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}
