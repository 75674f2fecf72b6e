import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../../functions/runtime/errors.ts';
import { checkerOf, wireSchemaOf } from '../../../../functions/runtime/json/wire-schema.ts';
import { PULLED_EVENTS, type PulledEvent } from '../../../../functions/runtime/source.ts';
import { drawRank } from '../../../../functions/sources/generator/draw-rank.ts';
import { generatorDefinition, generatorSource } from '../../../../functions/sources/generator/generator.ts';
import { eventMaker } from '../../../../functions/sources/generator/make-event.ts';
import { randomAt } from '../../../../functions/sources/generator/random.ts';
import { readEvents } from '../../../../functions/sources/generator/read-events.ts';
import { noDeadline } from '../../../eventually.ts';

const Everything = z.object({
  id: z.uuid(),
  mail: z.email(),
  place: z.enum(['north', 'south']),
  small: z.int().min(1).max(5),
  open: z.number().gt(0).lt(1),
  even: z.int().multipleOf(2).min(10),
  short: z.string().max(3),
  long: z.string().min(40),
  at: z.iso.datetime(),
  day: z.iso.date(),
  flag: z.boolean(),
  maybe: z.string().nullable().optional(),
  either: z.union([z.literal('a'), z.int()]),
  list: z
    .array(z.object({ n: z.number() }))
    .min(1)
    .max(4),
  pair: z.tuple([z.string(), z.int()]),
  any: z.unknown(),
});

const dataOf = ({ dataBytes }: PulledEvent) => JSON.parse(Buffer.from(dataBytes).toString());
const TIME = new Date('2026-03-04T05:06:07.000Z');

function maker(options: Partial<Parameters<typeof generatorSource<unknown, z.input<typeof Everything>>>[0]> = {}) {
  const source = generatorSource({ schema: Everything, type: 't.made', key: 'id', perSecond: 10, ...options } as never);
  const parsed = generatorDefinition.options.parse(JSON.parse(JSON.stringify(source.options)));
  return eventMaker(parsed as never);
}

describe('a generator', () => {
  test('makes data that fits the schema', () => {
    const make = maker();
    const check = checkerOf(wireSchemaOf(Everything, 'the test'));
    for (let number = 0; number < 100; number++) expect(check(dataOf(make(number, TIME)))).toBeUndefined();
  });

  test('makes the same events by the same seed, and others by another', () => {
    const events = (seed: number) => {
      const make = maker({ seed });
      return Array.from({ length: 50 }, (_, number) => make(number, TIME));
    };
    expect(events(5)).toEqual(events(5));
    expect(events(5)).not.toEqual(events(6));
  });

  test('makes bad data in its share, and no other', () => {
    const make = maker({ bad: 0.2 });
    const check = checkerOf(wireSchemaOf(Everything, 'the test'));
    const bad = Array.from({ length: 300 }, (_, number) => check(dataOf(make(number, TIME)))).filter(Boolean);
    expect(bad.length).toBeGreaterThan(40);
    expect(bad.length).toBeLessThan(80);
  });

  test('takes values that are listed, in the options or as examples of the schema', () => {
    const schema = z.object({
      id: z.string(),
      code: z.string().regex(/^[A-Z]{3}$/),
      word: z.string().meta({ examples: ['sun', 'rain'] }),
    });
    const { options } = generatorSource({
      schema,
      type: 't.made',
      key: 'id',
      perSecond: 1,
      values: { code: ['ABC', 'XYZ'] },
    });
    const make = eventMaker(generatorDefinition.options.parse(options) as never);
    const made = Array.from({ length: 40 }, (_, number) => dataOf(make(number, TIME)));
    expect(new Set(made.map(({ code }) => code))).toEqual(new Set(['ABC', 'XYZ']));
    expect(new Set(made.map(({ word }) => word))).toEqual(new Set(['sun', 'rain']));
  });

  test('refuses a schema that it cannot make data for, and says which field needs values', () => {
    const schema = z.object({ id: z.string(), code: z.string().regex(/^[A-Z]{3}$/) });
    expect(() => generatorSource({ schema, type: 't.made', key: 'id', perSecond: 1 })).toThrow(UserMistake);
    expect(() => generatorSource({ schema, type: 't.made', key: 'id', perSecond: 1 })).toThrow(
      "values: { 'code': […] }",
    );
  });

  test('draws the first of a thousand keys about 13 times in a hundred, with skew 1', () => {
    const draw = drawRank(1_000, 1);
    const ranks = Array.from({ length: 20_000 }, (_, number) => draw(randomAt(1, number, 3)));
    const share = (rank: number) => ranks.filter((one) => one === rank).length / ranks.length;
    expect(share(0)).toBeGreaterThan(0.12);
    expect(share(0)).toBeLessThan(0.15);
    expect(share(1) / share(0)).toBeCloseTo(0.5, 1);
  });

  test('draws all keys equally often without skew', () => {
    const draw = drawRank(4, 0);
    const ranks = Array.from({ length: 8_000 }, (_, number) => draw(randomAt(2, number, 3)));
    for (const rank of [0, 1, 2, 3])
      expect(ranks.filter((one) => one === rank).length / ranks.length).toBeCloseTo(0.25, 1);
  });
});

describe('the pace of a generator', () => {
  const make = (number: number, time: Date): PulledEvent => ({
    type: 't',
    time: time.toISOString(),
    key: 'k',
    dataBytes: Buffer.from(String(number)),
    place: String(number).padStart(8, '0'),
  });

  async function read(pace: { perSecond: number; count?: number; nowMillis: number }, from?: never) {
    const ending = new AbortController();
    const pages = [];
    const settings = { perSecond: pace.perSecond, count: pace.count, now: () => pace.nowMillis };
    const turn = { ending: ending.signal, signal: noDeadline(), most: PULLED_EVENTS };
    for await (const page of readEvents(make, { pace: settings, from, turn })) {
      pages.push(page);
      if (pages.length === 3) ending.abort();
    }
    return pages;
  }

  test('yields what is due, with the times at which it was due', async () => {
    const pages = await read({ perSecond: 2, count: 4, nowMillis: 11_500 }, { next: 0, startMillis: 10_000 } as never);
    expect(pages.flatMap(({ events }) => events.map(({ time }) => time.slice(17)))).toEqual([
      '10.000Z',
      '10.500Z',
      '11.000Z',
      '11.500Z',
    ]);
  });

  test('fixes its start before the first event', async () => {
    const [first] = await read({ perSecond: 1, count: 1, nowMillis: 5_000 });
    expect(first).toEqual({ events: [], rejections: [], position: { next: 0, startMillis: 5_000 } });
  });

  test('makes up for what was due in a pause, in bounded pages', async () => {
    const pages = await read({ perSecond: 1_000, nowMillis: 60_000 }, { next: 100, startMillis: 0 } as never);
    expect(pages.map(({ events }) => events.length)).toEqual([5_000, 5_000, 5_000]);
    expect(pages[0]?.events[0]?.place).toBe('00000100');
  });

  test('ends at its count', async () => {
    const pages = await read({ perSecond: 10, count: 3, nowMillis: 60_000 }, { next: 3, startMillis: 0 } as never);
    expect(pages).toEqual([]);
  });
});
