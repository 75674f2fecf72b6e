import { z } from 'zod';
import type { HashRange } from '../event.ts';
import { type Tick, WHOLE_SPACE } from './tick.ts';
import { greater, joined, lesser, lowestTime, NO_TILES, NO_TIME, type Tiles, withoutGaps, withTime } from './tiles.ts';

/**
 * What time it is for the reader of one shard: its watermark, by hash range. A watermark is the event time up to which
 * the reader takes windows for complete. It never goes back. It follows from the shard's records alone, so a replay
 * finds the same watermark at the same event.
 */
export type Clock = readonly ClockRange[];

/** The ranges cover the shard's range without gaps and overlaps, in order. Nearly always there is one. */
export interface ClockRange extends HashRange {
  /** In milliseconds since 1970. */
  readonly watermark: number;
  /** Of each step that passes ticks on into the stream: the time that it has told, by the hash range of its input. */
  readonly passed: ReadonlyMap<string, Tiles>;
}

/** Which ticks a reader waits for. */
export interface TimeOf {
  /**
   * The steps that write into the stream and pass ticks on, `<pipeline>/<step>`. The watermark is the lowest of all of
   * them. With none, the ticks of the scheduled function count, and the times of the events.
   */
  readonly steps: readonly string[];
  /** True: sources write into the stream, so the ticks of the scheduled function count, beside those of `steps`. */
  readonly scheduled: boolean;
  /**
   * Set while old events are loaded: until a tick says this time, in milliseconds since 1970, neither ticks nor events
   * move the watermark.
   */
  readonly until?: number | undefined;
}

export function newClock({ from, to }: HashRange): Clock {
  return [newRange(from, to)];
}

function newRange(from: bigint, to: bigint): ClockRange {
  return { from, to, watermark: NO_TIME, passed: new Map() };
}

/** The name, among those of steps, under which the scheduled function's time is kept. No step has it. */
const SCHEDULED = '';

/** Takes a tick into account. Returns the same clock when the tick changes nothing. */
export function afterTick(clock: Clock, tick: Tick, time: TimeOf): Clock {
  const sides = sidesOf(time);
  const side = tick.from?.step ?? SCHEDULED;
  if (!sides.includes(side) || tick.millis < (time.until ?? NO_TIME)) return clock;
  const { from, to } = tick.from ?? WHOLE_SPACE;
  const told = { from, to, millis: tick.millis };
  const ranges = clock.flatMap((range) =>
    divided(range, tick.aim).map(({ isAimedAt, part }) => {
      if (!isAimedAt) return part;
      const passed = new Map(part.passed).set(side, withTime(part.passed.get(side) ?? NO_TILES, told));
      const lowest = Math.min(...sides.map((one) => lowestTime(passed.get(one) ?? NO_TILES)));
      return { ...part, passed, watermark: Math.max(part.watermark, lowest) };
    }),
  );
  return fewer(joined(ranges, isSame));
}

/**
 * Takes the time of an event into account, which is at most the arrival of its record. Only where sources alone write:
 * what a step passes on may overtake the output of another one.
 */
export function afterEvent(clock: Clock, millis: number, { steps, until = NO_TIME }: TimeOf): Clock {
  if (steps.length > 0 || clock.every(({ watermark }) => watermark >= millis)) return clock;
  return clock.map((range) =>
    range.watermark < until ? range : { ...range, watermark: Math.max(range.watermark, millis) },
  );
}

/** Returns the watermark for an event. The hash is computed only where there is more than one range. */
export function watermarkFor(clock: Clock, hash: () => bigint): number {
  const [only] = clock;
  if (clock.length === 1 && only !== undefined) return only.watermark;
  const key = hash();
  // A record of another producer, put with an explicit hash key, may lie outside.
  return (clock.find(({ from, to }) => key >= from && key <= to) ?? only)?.watermark ?? NO_TIME;
}

/** Returns the time up to which everything in the shard is complete. */
export function lowestWatermark(clock: Clock): number {
  return lowestTime(clock.map(({ watermark }) => ({ millis: watermark })));
}

/** Makes the clock of a shard from those of its parents, each for its part of the range. */
export function inheritedClock(parents: readonly Clock[], { from, to }: HashRange): Clock {
  const known = parents
    .flat()
    .map((range) => ({ ...range, from: greater(range.from, from), to: lesser(range.to, to) }))
    .filter((range) => range.from <= range.to);
  const whole = withoutGaps(known, { from, to }, (start, end) => [newRange(start, end)]);
  return joined(whole, isSame);
}

function sidesOf({ steps, scheduled }: TimeOf): readonly string[] {
  return scheduled || steps.length === 0 ? [SCHEDULED, ...steps] : steps;
}

interface Part {
  readonly isAimedAt: boolean;
  readonly part: ClockRange;
}

/** Divides a range into what a tick is aimed at and the rest. */
function divided(range: ClockRange, aim: HashRange): readonly Part[] {
  const part = (isAimedAt: boolean, from: bigint, to: bigint): Part => ({ isAimedAt, part: { ...range, from, to } });
  return [
    part(false, range.from, lesser(range.to, aim.from - 1n)),
    part(true, greater(range.from, aim.from), lesser(range.to, aim.to)),
    part(false, greater(range.from, aim.to + 1n), range.to),
  ].filter(({ part: { from, to } }) => from <= to);
}

function isSame(one: ClockRange, other: ClockRange): boolean {
  if (one.watermark !== other.watermark || one.passed.size !== other.passed.size) return false;
  return [...one.passed].every(([side, tiles]) => {
    const others = other.passed.get(side) ?? [];
    return (
      tiles.length === others.length &&
      tiles.every(({ from, millis }, index) => from === others[index]?.from && millis === others[index]?.millis)
    );
  });
}

/** The most ranges. Beyond this, neighbours share the lower times: windows then close later, and never too early. */
const MOST_RANGES = 64;

function fewer(clock: Clock): Clock {
  if (clock.length <= MOST_RANGES) return clock;
  return clock.flatMap((range, index) => {
    const next = clock[index + 1];
    if (index % 2 === 1) return [];
    if (next === undefined) return [range];
    // The ticks of one range say nothing about the other one. The next ones are for both.
    return [{ ...newRange(range.from, next.to), watermark: Math.min(range.watermark, next.watermark) }];
  });
}

const Hash = z.string();
const Millis = z.number().nullable();

/** A clock as it is stored: of each range its bounds in hexadecimal, its watermark, and the tiles by step. */
export const StoredClock = z.array(
  z.tuple([Hash, Hash, Millis, z.array(z.tuple([z.string(), z.array(z.tuple([Hash, Millis]))]))]),
);

export function encodeClock(clock: Clock): z.input<typeof StoredClock> {
  return clock.map(({ from, to, watermark, passed }) => [
    from.toString(16),
    to.toString(16),
    stored(watermark),
    [...passed].map(([side, tiles]): [string, [string, number | null][]] => [
      side,
      tiles.map((tile) => [tile.from.toString(16), stored(tile.millis)]),
    ]),
  ]);
}

export function decodeClock(text: z.output<typeof StoredClock>): Clock {
  return text.map(([from, to, watermark, passed]) => ({
    from: hashOf(from),
    to: hashOf(to),
    watermark: watermark ?? NO_TIME,
    passed: new Map(passed.map(([side, tiles]) => [side, decodeTiles(tiles)])),
  }));
}

function decodeTiles(tiles: readonly (readonly [string, number | null])[]): Tiles {
  return tiles.map(([from, millis], index) => {
    const next = tiles[index + 1];
    const to = next === undefined ? WHOLE_SPACE.to : hashOf(next[0]) - 1n;
    return { from: hashOf(from), to, millis: millis ?? NO_TIME };
  });
}

function hashOf(text: string): bigint {
  return BigInt(`0x${text}`);
}

function stored(millis: number): number | null {
  return Number.isFinite(millis) ? millis : null;
}
