import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform, type Transform } from '../../../functions/runtime/transform.ts';
import { cleanReadings } from '../../../functions/transforms/clean-readings.sql.ts';
import { RawReading } from '../../../functions/transforms/readings.ts';
import { transformed } from '../../kit/given-transform.ts';

const Reading = z.object({
  sensor_id: z.string(),
  date: z.iso.date(),
  precipitation: z.number(),
  temp_max: z.number(),
  temp_min: z.number(),
  wind: z.number(),
  weather: z.string(),
});

/** What functions/transforms/clean-readings.sql is, written by hand. */
const inTypeScript = defineTransform({
  entry: import.meta.url,
  from: RawReading,
  to: Reading,
  apply: ({ type, data: reading }) =>
    reading.sensor_id === null ? [] : [{ type, key: reading.sensor_id, data: Reading.parse(reading) }],
});

const reading = {
  sensor_id: 'a',
  date: '2026-01-01',
  precipitation: 0,
  temp_max: 9,
  temp_min: 1,
  wind: 3.2,
  weather: 'sun',
};

/** What a field may hold instead of what it should. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, '', 'n/a', '9', [], {}, 1e21, -0.5, 12_345_678_901),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const run = (transform: Transform<z.input<typeof RawReading>>, data: unknown): unknown =>
  transformed(transform as Transform<unknown>, [data]).map((made) => ('refused' in made ? 'refused' : made));

test('a reading that no sensor sent is dropped, in SQL and in TypeScript', () => {
  for (const transform of [cleanReadings, inTypeScript])
    expect(run(transform, { ...reading, sensor_id: null })).toEqual([]);
});

test('SQL and TypeScript give the same result for a reading, whatever its fields hold, and reject the same ones', () => {
  const judged = Object.keys(reading).filter((name) => name !== 'sensor_id');
  const change = fc.record({ name: fc.constantFrom(...judged, 'more'), value: anything });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), (changes) => {
      const data = { ...reading, ...Object.fromEntries(changes.map(({ name, value }) => [name, value])) };
      expect(run(cleanReadings, data)).toEqual(run(inTypeScript, data));
    }),
    { numRuns: 500, examples: [[[]]] },
  );
});
