import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StaleCheckpoint } from '../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { Position } from '../../functions/runtime/position.ts';
import type { OpenSink, Slice } from '../../functions/runtime/sink.ts';
import { noDeadline } from '../eventually.ts';
import { type Given, logOf, positionAfter, sliceOf } from './slices.ts';

/** How the suite drives a sink. `open` gives each test an empty destination of its own. */
export interface SinkHarness {
  /** True when the sink commits its progress together with the events, and has `loadProgress`. */
  readonly keepsProgress: boolean;
  /** True when the sink cannot look into its destination, and says that it is empty. */
  readonly isBlind?: true;
  open(): Promise<{
    /** The step that `sink` is opened as. */
    readonly step: string;
    /** Opens the sink anew, as another process would. */
    sink(): OpenSink;
    /** The type of its events, if it does not take every type. */
    readonly type?: string;
    /** Returns the data of an event that the destination accepts. */
    good(n: number): unknown;
    /** Returns the data of an event that the destination will always reject. */
    bad(n: number): unknown;
    /** Resolves to the numbers of the stored events, in groups that keep order: a table, a partition. */
    landed(): Promise<readonly (readonly number[])[]>;
    /** Resolves to everything that is stored, for comparison: rows, or names and bytes. */
    contents(): Promise<unknown>;
    /**
     * Cuts the connection at the request that makes events durable: before the request arrives, or after it has taken
     * effect and before its reply arrives. Nothing gets through until `heal`.
     */
    cut(when: 'before' | 'after'): void;
    /** Restores the connection. Throws when nothing was cut, because the test would then prove nothing. */
    heal(): void;
    close(): Promise<void>;
  }>;
}

type Target = Awaited<ReturnType<SinkHarness['open']>>;

const SHARD = 'stream/shardId-000000000000';

/**
 * Checks what a sink promises the runtime. Run it on your sink with a harness of yours; each case says above itself
 * what it proves.
 */
export function sinkContract(name: string, harness: SinkHarness): void {
  let target: Target;
  const goods = (count: number): readonly ReceivedEvent[] =>
    logOf(Array.from({ length: count }, (_, n) => given(target, target.good(n))));

  describe(`the sink ${name}`, () => {
    beforeEach(async () => {
      target = await harness.open();
    });
    afterEach(() => target.close());

    // `write` resolves only after every event is stored, and keeps the order of the log.
    test('stores every event of a slice, in order', async () => {
      expect(await deliver(target, goods(20))).toEqual([]);
      expect(await landed(target)).toEqual(numbers(20));
    });

    // Slices may have any size: a sink must not rely on how the log is divided into slices.
    test('continues after the previous slice, wherever that ended', async () => {
      const events = goods(12);
      const cuts = [0, 1, 2, 5, 6, 11, 12];
      for (const [index, start] of cuts.slice(0, -1).entries()) {
        await deliver(target, events.slice(start, cuts[index + 1]), { from: positionAfter(start) });
      }
      expect(await landed(target)).toEqual(numbers(12));
    });

    // A rejected event does not stop the slice. The rejection carries the position and the original bytes, so that the
    // dead letter can be redriven.
    test('resolves to the rejected events, and stores the others in their order', async () => {
      const events = someBad(target);
      const rejections = await target.sink().write(slice(target, events));
      expect(rejections.map(({ at, reason, bytes }) => ({ at, reason, bytes }))).toEqual(
        BAD.map((n) => ({ at: events[n]?.position, reason: 'refused', bytes: events[n]?.bytes })),
      );
      expect(await landed(target)).toEqual(GOOD);
    });

    // `millrace replay` writes only to an empty destination, and asks `isEmpty`.
    test(`${harness.isBlind ? 'says that its destination is empty, because it cannot look' : 'knows whether its destination is empty'}`, async () => {
      const isEmpty = () => target.sink().isEmpty(noDeadline());
      expect(await isEmpty()).toBe(true);
      await deliver(target, goods(3));
      expect(await isEmpty()).toBe(harness.isBlind === true);
    });

    // The position has to move past such a slice, or the step would never end.
    test('accepts a slice of which it rejects all events', async () => {
      const events = logOf([given(target, target.bad(0)), given(target, target.bad(1))]);
      expect(await deliver(target, events)).toEqual(events.map(({ position }) => position));
      expect(await landed(target)).toEqual([]);
    });

    // All events of a slice may be duplicates; a sink that keeps its own progress still has to move it.
    test('accepts a slice without events', async () => {
      await deliver(target, [], { to: positionAfter(5) });
      await deliver(target, goods(8).slice(5), { from: positionAfter(5) });
      expect(await landed(target)).toEqual([5, 6, 7]);
    });

    // The write succeeded and the reply was lost, or the write did not arrive: the sink cannot know which. It throws,
    // gets the slice again, and must neither lose nor duplicate an event.
    test.each(['before', 'after'] as const)(
      'stores events once when the connection is lost just %s they are durable',
      async (when) => {
        const events = someBad(target);
        target.cut(when);
        await expect(target.sink().write(slice(target, events))).rejects.toThrow();
        target.heal();
        expect(await deliver(target, events)).toEqual(BAD.map((n) => events[n]?.position));
        expect(await landed(target)).toEqual(GOOD);
      },
    );

    // Lambda reuses the process: the sink has to open a new connection itself.
    test('continues in the same process after the connection was lost', async () => {
      const sink = target.sink();
      await sink.write(slice(target, goods(3)));
      target.cut('before');
      const rest = goods(6).slice(3);
      await expect(sink.write(slice(target, rest, { from: positionAfter(3), previous: 1 }))).rejects.toThrow();
      target.heal();
      await sink.write(slice(target, rest, { from: positionAfter(3), previous: 1 }));
      expect(await landed(target)).toEqual(numbers(6));
    });

    // An invocation that stood still wakes up late and writes a slice that another invocation has already written. A
    // sink that keeps its own progress throws `StaleCheckpoint`; any other stores the same once more.
    test('changes nothing when a slice is written again by an invocation that is late', async () => {
      const events = someBad(target);
      await target.sink().write(slice(target, events));
      const before = await target.contents();
      await mayBeStale(target.sink().write(slice(target, events)));
      expect(await target.contents()).toEqual(before);
    });

    // Lambda may deliver a batch twice at the same time.
    test('stores events once when several processes write the same slice at the same time', async () => {
      const events = goods(200);
      const twins = [target.sink(), target.sink(), target.sink()].map((sink) => sink.write(slice(target, events)));
      const outcomes = await Promise.allSettled(twins.map(mayBeStale));
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      expect(await landed(target)).toEqual(numbers(200));
    });

    // The signal aborts shortly before Lambda would end the process. What was half written must not count twice later.
    test('throws when the signal aborts, and the slice then counts once when it is written again', async () => {
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

    // Progress that is committed with the events is what makes them count once; `loadProgress` returns it for each
    // shard.
    test(`${harness.keepsProgress ? 'commits its progress with the events, for each shard' : 'leaves its progress to the runtime'}`, async () => {
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

    if (!harness.keepsProgress) return;
    // A state may have pages. They are committed with it, or a destination that is restored would not have them.
    test('commits the pages of its progress with it, and replaces each by name', async () => {
      const load = async (shard = SHARD) =>
        Object.fromEntries((await target.sink().loadPages?.(shard, noDeadline())) ?? []);
      expect(await load()).toEqual({});
      const write = (pages: Record<string, string>, previous: number) =>
        target.sink().write({ ...sliceOf({ events: goods(1), shard: SHARD, step: target.step, previous, pages }) });
      await write({ '01': 'a', 'own/1': `it's "b"\\` }, 0);
      await write({ '01': 'c', '02': 'd' }, 1);
      await expect(write({ '01': 'of a late invocation' }, 1)).rejects.toThrow(StaleCheckpoint);
      expect(await load()).toEqual({ '01': 'c', '02': 'd', 'own/1': `it's "b"\\` });
      expect(await load(`${SHARD}1`)).toEqual({});
      expect(await target.sink().loadProgress?.(SHARD, noDeadline())).toMatchObject({ revision: 2 });
    });
  });
}

/** Which of ten events are bad: two in a row, and the last. */
const BAD = [2, 3, 9];
const GOOD = [0, 1, 4, 5, 6, 7, 8];

function someBad(target: Target): readonly ReceivedEvent[] {
  return logOf(Array.from({ length: 10 }, (_, n) => given(target, BAD.includes(n) ? target.bad(n) : target.good(n))));
}

function given({ type }: Target, data: unknown): Given {
  return { data, ...(type !== undefined && { type }) };
}

/**
 * The bounds of a slice, by default the start of the shard and its last event, and the revision that its progress
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

/**
 * Does the runtime's part: loads the progress, writes what is not committed yet, and resolves to the rejected events.
 */
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

/** Accepts `StaleCheckpoint`, by which a sink that keeps its own progress says that it is late. */
async function mayBeStale(writing: Promise<unknown>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
  }
}

/** Resolves to the stored numbers, after checking that each group keeps the order of the log. */
async function landed(target: Target): Promise<readonly number[]> {
  const groups = await target.landed();
  for (const group of groups) expect(group).toEqual([...group].sort((a, b) => a - b));
  return groups.flat().sort((a, b) => a - b);
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}
