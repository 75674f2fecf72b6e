import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StaleCheckpoint } from '../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { Position } from '../../functions/runtime/position.ts';
import type { OpenSink, Slice } from '../../functions/runtime/sink.ts';
import { noDeadline } from '../eventually.ts';
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
    /**
     * From the request that makes events durable on, before or after it has taken effect, nothing gets through until
     * `heal`.
     */
    cut(when: 'before' | 'after'): void;
    /** Throws when nothing was cut. */
    heal(): void;
    close(): Promise<void>;
  }>;
}

type Target = Awaited<ReturnType<SinkHarness['open']>>;

const SHARD = 'stream/shardId-000000000000';

/** What a sink promises the runtime. */
export function sinkContract(name: string, harness: SinkHarness): void {
  let target: Target;
  const goods = (count: number): readonly ReceivedEvent[] =>
    logOf(Array.from({ length: count }, (_, n) => ({ data: target.good(n) })));

  describe(`the sink ${name}`, () => {
    beforeEach(async () => {
      target = await harness.open();
    });
    afterEach(() => target.close());

    test('lands every event of a slice, in order', async () => {
      expect(await deliver(target, goods(20))).toEqual([]);
      expect(await landed(target)).toEqual(numbers(20));
    });

    test('goes on where the slice before ended, wherever that was', async () => {
      const events = goods(12);
      const cuts = [0, 1, 2, 5, 6, 11, 12];
      for (const [index, start] of cuts.slice(0, -1).entries()) {
        await deliver(target, events.slice(start, cuts[index + 1]), { from: positionAfter(start) });
      }
      expect(await landed(target)).toEqual(numbers(12));
    });

    test('resolves to the events it refuses, and lands the others in their order', async () => {
      const events = someBad(target);
      const rejections = await target.sink().write(slice(target, events));
      expect(rejections.map(({ at, reason, bytes }) => ({ at, reason, bytes }))).toEqual(
        BAD.map((n) => ({ at: events[n]?.position, reason: 'refused', bytes: events[n]?.bytes })),
      );
      expect(await landed(target)).toEqual(GOOD);
    });

    test('says whether there is nothing yet where it writes', async () => {
      const isEmpty = () => target.sink().isEmpty(noDeadline());
      expect(await isEmpty()).toBe(true);
      await deliver(target, goods(3));
      expect(await isEmpty()).toBe(false);
    });

    test('takes a slice whose events it all refuses', async () => {
      const events = logOf([{ data: target.bad(0) }, { data: target.bad(1) }]);
      expect(await deliver(target, events)).toEqual(events.map(({ position }) => position));
      expect(await landed(target)).toEqual([]);
    });

    test('takes a slice without events', async () => {
      await deliver(target, [], { to: positionAfter(5) });
      await deliver(target, goods(8).slice(5), { from: positionAfter(5) });
      expect(await landed(target)).toEqual([5, 6, 7]);
    });

    test.each(['before', 'after'] as const)(
      'lands events once when the connection is lost just %s they are durable',
      async (when) => {
        const events = someBad(target);
        target.cut(when);
        await expect(target.sink().write(slice(target, events))).rejects.toThrow();
        target.heal();
        expect(await deliver(target, events)).toEqual(BAD.map((n) => events[n]?.position));
        expect(await landed(target)).toEqual(GOOD);
      },
    );

    test('goes on with the same process after the connection was lost', async () => {
      const sink = target.sink();
      await sink.write(slice(target, goods(3)));
      target.cut('before');
      const rest = goods(6).slice(3);
      await expect(sink.write(slice(target, rest, { from: positionAfter(3), previous: 1 }))).rejects.toThrow();
      target.heal();
      await sink.write(slice(target, rest, { from: positionAfter(3), previous: 1 }));
      expect(await landed(target)).toEqual(numbers(6));
    });

    test('stores the same when a slice is written again by a twin that is behind', async () => {
      const events = someBad(target);
      await target.sink().write(slice(target, events));
      const before = await target.contents();
      await mayBeStale(target.sink().write(slice(target, events)));
      expect(await target.contents()).toEqual(before);
    });

    test('stores events once when twins write the same slice at the same time', async () => {
      const events = goods(200);
      const twins = [target.sink(), target.sink(), target.sink()].map((sink) => sink.write(slice(target, events)));
      const outcomes = await Promise.allSettled(twins.map(mayBeStale));
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      expect(await landed(target)).toEqual(numbers(200));
    });

    test('gives up when the invocation has to end, and then nothing counts twice', async () => {
      const events = goods(10);
      const ending = new AbortController();
      async function* pages(): AsyncIterable<readonly ReceivedEvent[]> {
        yield events.slice(0, 5);
        ending.abort(new Error('the invocation ends'));
        yield events.slice(5);
      }
      const cutOff = { ...slice(target, events), pages: pages(), signal: ending.signal };
      await expect(target.sink().write(cutOff)).rejects.toThrow('the invocation ends');
      await deliver(target, events);
      expect(await landed(target)).toEqual(numbers(10));
    });

    test(`${harness.keepsProgress ? 'keeps' : 'leaves'} its progress ${harness.keepsProgress ? 'with what it stores, by shard' : 'to the runtime'}`, async () => {
      const [first, second] = [target.sink(), target.sink()];
      expect(first.loadProgress !== undefined).toBe(harness.keepsProgress);
      const load = (shard: string) => second.loadProgress?.(shard, noDeadline());
      expect(await load(SHARD)).toBeUndefined();
      const events = someBad(target);
      const written = slice(target, events);
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

function someBad(target: Target): readonly ReceivedEvent[] {
  return logOf(Array.from({ length: 10 }, (_, n) => ({ data: BAD.includes(n) ? target.bad(n) : target.good(n) })));
}

/**
 * Where a slice begins and ends, if not at the start of the shard and its last event, and the revision that it
 * replaces.
 */
interface Around {
  readonly from?: Position | undefined;
  readonly to?: Position | undefined;
  readonly previous?: number | undefined;
}

function slice(target: Target, events: readonly ReceivedEvent[], { from, to, previous = 0 }: Around = {}): Slice {
  return sliceOf({ events, from, previous, shard: SHARD, step: target.step, pageSize: 4, ...(to && { to }) });
}

/** The runtime's part: loads the progress, and writes what is not committed yet. Resolves to what was refused. */
async function deliver(
  target: Target,
  events: readonly ReceivedEvent[],
  around: Around = {},
): Promise<readonly string[]> {
  const sink = target.sink();
  const stored = await sink.loadProgress?.(SHARD, noDeadline());
  const to = around.to ?? events.at(-1)?.position;
  const committed: { to: Position; rejections: readonly string[] } | undefined = stored && JSON.parse(stored.state);
  if (committed !== undefined && to !== undefined && committed.to >= to) return committed.rejections;
  const rejections = await sink.write(slice(target, events, { ...around, previous: stored?.revision }));
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
async function landed(target: Target): Promise<readonly number[]> {
  const groups = await target.landed();
  for (const group of groups) expect(group).toEqual([...group].sort((a, b) => a - b));
  return groups.flat().sort((a, b) => a - b);
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}
