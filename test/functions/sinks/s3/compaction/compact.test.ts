import { describe, expect, test } from 'vitest';
import { type Position, positionOf, START_OF_SHARD } from '../../../../../functions/runtime/position.ts';
import type { Tidying } from '../../../../../functions/runtime/sink.ts';
import { compact } from '../../../../../functions/sinks/s3/compaction/compact.ts';
import { mergeNdjson } from '../../../../../functions/sinks/s3/compaction/merge.ts';
import type { LakeStore } from '../../../../../functions/sinks/s3/compaction/store.ts';
import { seeded } from '../../../../infra/sql/random.ts';

const PREFIX = 'orders';
const FOLDER = 'year=2026/month=11';
const SHARD = 'abcdefghijkl/shardId-000000000000';
const MINUTE = 60_000;
const EVERY = 60 * MINUTE;

/** A lake, what the step keeps, and its position. */
interface World {
  readonly objects: Map<string, Buffer>;
  kept: { revision: number; text: string } | undefined;
  committed: Position | undefined;
  nowMillis: number;
}

const newWorld = (): World => ({ objects: new Map(), kept: undefined, committed: START_OF_SHARD, nowMillis: EVERY });

/** Decides what happens before and after each call of a process. Throw to let the process die. */
type Between = () => void | Promise<void>;

function storeOf({ objects, nowMillis }: World, between: Between): LakeStore {
  return {
    async *list(prefix) {
      await between();
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
      for (const key of keys) yield { key, bytes: objects.get(key)?.length ?? 0, modifiedMillis: nowMillis };
    },
    async get(key) {
      await between();
      return objects.get(key);
    },
    async put(key, body) {
      await between();
      objects.set(key, body);
      await between();
    },
    async delete(keys) {
      for (const key of keys) {
        await between();
        objects.delete(key);
      }
      await between();
    },
  };
}

function tidyingOf(world: World, between: Between): Tidying {
  return {
    async load() {
      await between();
      return world.kept;
    },
    async keep(previous, text) {
      await between();
      if ((world.kept?.revision ?? 0) !== previous) return false;
      world.kept = { revision: previous + 1, text };
      await between();
      return true;
    },
    async committed() {
      await between();
      return world.committed;
    },
    now: () => world.nowMillis,
    untilMillis: Number.POSITIVE_INFINITY,
    signal: AbortSignal.timeout(60_000),
  };
}

async function run(world: World, between: Between = () => undefined): Promise<void> {
  const merge = (contents: readonly Buffer[], ending: string) =>
    mergeNdjson(contents, ending, AbortSignal.timeout(60_000));
  await compact(tidyingOf(world, between), {
    store: storeOf(world, between),
    prefix: PREFIX,
    everyMillis: EVERY,
    merge,
  });
}

const at = (n: number): Position => positionOf(String(n), 0);
const keyOf = (n: number): string =>
  `${PREFIX}/${FOLDER}/slice-${SHARD.replace('/', '-')}.${n === 0 ? START_OF_SHARD : at(n)}.${at(n + 1)}.00000000.ndjson`;
const lineOf = (n: number): Buffer => Buffer.from(`${n}\n`);

/** Writes a slice of one event, as the sink does: its file, then its position. */
function writeSlice(world: World, n: number): void {
  world.objects.set(keyOf(n), lineOf(n));
  world.committed = at(n + 1);
}

/** The events in the files that readers see, each as often as it is there. */
function eventsIn({ objects }: World): readonly number[] {
  return [...objects]
    .filter(([key]) => key.startsWith(`${PREFIX}/`))
    .flatMap(([, body]) => body.toString().split('\n').slice(0, -1).map(Number))
    .sort((a, b) => a - b);
}

const filesIn = ({ objects }: World): number =>
  [...objects.keys()].filter((key) => key.startsWith(`${PREFIX}/`)).length;
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

function worldWith(slices: number): World {
  const world = newWorld();
  for (const n of numbers(slices)) writeSlice(world, n);
  return world;
}

/** Runs until nothing is left to do, as later runs of the step do. */
async function runsLater(world: World): Promise<void> {
  for (let round = 0; round < 3; round++) {
    world.nowMillis += EVERY;
    await run(world);
  }
}

class Death extends Error {}

/** What may happen between two calls: a death, a new slice, others' turns, or a write that arrives late. */
function chaosIn(world: World, seed: number): { readonly anything: Between; readonly slices: () => number } {
  const random = seeded(seed);
  const late: number[] = [];
  let slices = 10;
  const happen = (die: number): void => {
    if (die === 0) throw new Death();
    if (die < 4) late.push(random.below(slices));
    else if (die < 8 && slices < 60) writeSlice(world, slices++);
  };
  return {
    async anything() {
      const die = random.below(60);
      happen(die);
      for (let turn = random.below(4); turn > 0; turn--) await null;
      const again = die === 8 ? late.pop() : undefined;
      // A process that had begun this slice before another one committed it.
      if (again !== undefined) world.objects.set(keyOf(again), lineOf(again));
    },
    slices: () => slices,
  };
}

describe('compaction', () => {
  test('makes one file of the small files of a partition, with their events in their order', async () => {
    const world = worldWith(20);
    await run(world);
    expect(filesIn(world)).toBe(1);
    const [body] = [...world.objects].filter(([key]) => key.includes('/merged-')).map(([, content]) => content);
    expect(body?.toString()).toBe(
      numbers(20)
        .map((n) => `${n}\n`)
        .join(''),
    );
  });

  test('leaves few files, and files that it does not know, as they are', async () => {
    const world = worldWith(7);
    world.objects.set(`${PREFIX}/${FOLDER}/README.md`, Buffer.from('7\n'));
    await run(world);
    expect(filesIn(world)).toBe(8);
  });

  test('is due once in its interval', async () => {
    const world = worldWith(8);
    await run(world);
    for (const n of numbers(8)) writeSlice(world, 8 + n);
    world.nowMillis += EVERY - MINUTE;
    await run(world);
    expect(filesIn(world)).toBe(9);
    world.nowMillis += MINUTE;
    await run(world);
    expect(filesIn(world)).toBe(1);
  });

  test('takes no file of a slice that may be written again', async () => {
    const world = worldWith(10);
    for (const n of [10, 11]) world.objects.set(keyOf(n), lineOf(n));
    await run(world);
    expect(filesIn(world)).toBe(3);
    expect(eventsIn(world)).toEqual(numbers(12));
  });

  test('stops, and says why, when somebody has deleted an input', async () => {
    const world = worldWith(10);
    let calls = 0;
    await expect(
      run(world, () => {
        if (world.kept !== undefined && calls++ === 3) world.objects.delete(keyOf(9));
      }),
    ).rejects.toThrow(/00000000\.ndjson is gone, .*put it back/);
    world.objects.set(keyOf(9), lineOf(9));
    await runsLater(world);
    expect(eventsIn(world)).toEqual(numbers(10));
  });

  // A crash may come before or after any call.
  test('loses and doubles no event when its process dies at any call, and never hides one from a reader', async () => {
    let calls = 0;
    await run(worldWith(10), () => void calls++);
    expect(calls).toBeGreaterThan(30);
    for (let death = 1; death <= calls; death++) {
      const world = worldWith(10);
      let call = 0;
      const dying = run(world, () => {
        expect(new Set(eventsIn(world))).toEqual(new Set(numbers(10)));
        if (++call === death) throw new Death();
      });
      await expect(dying).rejects.toThrow(Death);
      await runsLater(world);
      expect({ death, events: eventsIn(world), files: filesIn(world) }).toEqual({
        death,
        events: numbers(10),
        files: 1,
      });
    }
  });

  // Processes that do the same at once, a sink that goes on, and writes of the sink that arrive late.
  test('loses and doubles no event beside twins, deaths, new slices and late writes, in any order', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const world = worldWith(10);
      const { anything, slices } = chaosIn(world, seed);
      for (let round = 0; round < 6; round++) {
        const twins = [run(world, anything), run(world, anything), run(world, anything)];
        for (const outcome of await Promise.allSettled(twins))
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(Death);
        world.nowMillis += EVERY;
      }
      await runsLater(world);
      expect({ seed, events: eventsIn(world) }).toEqual({ seed, events: numbers(slices()) });
    }
  });

  // Every minute a slice, in partitions of an hour: seven days.
  test('leaves a few dozen files of 10,000 slices', async () => {
    const world = newWorld();
    for (const n of numbers(10_000)) {
      writeSlice(world, n);
      world.nowMillis += MINUTE;
      if (n % 60 === 59) await run(world);
    }
    await run(world);
    expect(filesIn(world)).toBeLessThan(60);
    expect(eventsIn(world)).toEqual(numbers(10_000));
  });
});
