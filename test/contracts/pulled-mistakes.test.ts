import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { PulledEvent, PulledPage, PulledSource, PullTurn } from '../../functions/runtime/source.ts';
import { type PulledSourceHarness, pulledSourceCases } from './pulled-sources.ts';

const COUNT = 30;

type Read = (from: number | undefined, turn: PullTurn) => AsyncIterable<PulledPage<number>>;

const eventAt = (number: number): PulledEvent => ({
  type: 'number.read',
  time: '2026-01-01T00:00:00Z',
  key: 'k',
  dataBytes: Buffer.from(String(number)),
  place: String(number).padStart(4, '0'),
});

const pageOf = (from: number, size = 10): PulledPage<number> => ({
  events: Array.from({ length: Math.min(size, COUNT - from) }, (_, index) => eventAt(from + index)),
  rejections: [],
  position: Math.min(COUNT, from + size),
});

/** A source without a mistake: the numbers below 30, ten at a time. */
const right: Read = async function* (from = 0, turn) {
  const { ending, signal } = turn;
  for (let at = from; at < COUNT && !ending.aborted; ) {
    signal.throwIfAborted();
    const page = pageOf(at, Math.min(10, turn.most));
    yield page;
    at = page.position;
  }
  signal.throwIfAborted();
};

function harnessOf(read: Read, position: z.ZodType = z.int().min(0)): PulledSourceHarness {
  return {
    count: COUNT,
    async open() {
      return {
        source: () => ({ position, read }) as PulledSource<unknown>,
        strange: { place: 'elsewhere' },
        close: async () => undefined,
      };
    },
  };
}

/** Changes each page of the source. */
const changing = (change: (page: PulledPage<number>, from: number | undefined) => PulledPage<number>): Read =>
  async function* (from, turn) {
    for await (const page of right(from, turn)) yield change(page, from);
  };

/** Every mistake, and the case of the suite that has to find it. */
const mistakes: Readonly<
  Record<string, readonly [found: keyof typeof pulledSourceCases, harness: PulledSourceHarness]>
> = {
  'a place that comes twice': [
    'yields every event once, at places that grow and have one width',
    harnessOf(changing((page) => ({ ...page, events: page.events.map((event) => ({ ...event, place: '0001' })) }))),
  ],
  'places without leading zeros': [
    'yields every event once, at places that grow and have one width',
    harnessOf(
      changing((page) => ({
        ...page,
        events: page.events.map((event) => ({ ...event, place: String(Number(event.place)) })),
      })),
    ),
  ],
  'everything in one page': [
    'yields bounded pages',
    harnessOf(async function* (from = 0) {
      if (from < COUNT) yield pageOf(from, COUNT);
    }),
  ],
  'a page that is as large as ever': [
    'yields smaller pages when it is asked for fewer events, and the same events at the same places',
    harnessOf(async function* (from = 0, turn) {
      yield* right(from, { ...turn, most: 10 });
    }),
  ],
  'a position before the last event of its page': [
    'resumes anywhere: from every position, stored as JSON, a new process yields exactly the rest',
    harnessOf(changing((page) => ({ ...page, position: page.position - 1 }))),
  ],
  'a position behind the first event of the next page': [
    'resumes anywhere: from every position, stored as JSON, a new process yields exactly the rest',
    harnessOf(changing((page) => ({ ...page, position: page.position + 1 }))),
  ],
  'another event when it is read again': [
    'yields the same events at the same places after a lost reply',
    harnessOf(
      changing((page, from) => ({
        ...page,
        events: page.events.map((event) => ({ ...event, key: `read from ${from}` })),
      })),
    ),
  ],
  'a reader that takes events away from its twin': ['gives two readers at once the same events', harnessOf(taking())],
  'a position that takes anything': ['refuses a position that is not its own', harnessOf(right, z.unknown())],
  'a source that goes on when the run has to end': [
    'ends without an error when the run has to end',
    harnessOf(async function* (from = 0, { signal }) {
      for (let at = from; at < COUNT; at += 5) {
        signal.throwIfAborted();
        yield pageOf(at, 5);
      }
    }),
  ],
  'a source that does not hear the signal': [
    'throws when the signal aborts',
    harnessOf(async function* (from = 0) {
      for (let at = from; at < COUNT; at += 10) yield pageOf(at);
    }),
  ],
  'a start that nobody can find again': [
    'yields no event before a position that makes it the same again',
    harnessOf(
      (() => {
        let reads = 0;
        return changing((page, from) =>
          from === undefined
            ? { ...page, events: page.events.map((event) => ({ ...event, time: `read ${++reads}` })) }
            : page,
        );
      })(),
    ),
  ],
};

/** A source that remembers what it has yielded from a position, and does not yield it again. */
function taking(): Read {
  const taken = new Set<number>();
  return async function* (from, turn) {
    for await (const page of right(from, turn)) {
      if (from !== undefined && taken.has(page.position)) continue;
      if (from !== undefined) taken.add(page.position);
      yield page;
    }
  };
}

describe('the contract of pulled sources', () => {
  test.each(Object.keys(pulledSourceCases))('is kept by a source without a mistake: %s', async (name) => {
    await pulledSourceCases[name]?.(harnessOf(right));
  });

  test.each(Object.entries(mistakes))('finds %s', async (_, [found, harness]) => {
    await expect(pulledSourceCases[found]?.(harness)).rejects.toThrow();
  });
});
