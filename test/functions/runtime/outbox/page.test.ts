import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePage, encodePage, finished } from '../../../../functions/runtime/outbox/page.ts';
import { encodeEvent } from '../../../../functions/runtime/record-codec/encode.ts';
import type { Publication } from '../../../../functions/runtime/sink.ts';

const publication: fc.Arbitrary<Publication> = fc.record({
  type: fc.constantFrom('basket.inserted', 'basket.deleted'),
  key: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
  time: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123456+01:00'),
  traceparent: fc.option(fc.constant('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'), { nil: undefined }),
  dataBytes: fc.json().map((json) => Buffer.from(json)),
});

test('a page gives back the events that it was made of, with their names and the bytes of their data', () => {
  fc.assert(
    fc.property(fc.array(publication, { minLength: 1 }), (events) => {
      const page = finished(events, { source: '/shop/basket/a/shardId-0/1', revision: 7 });
      const read = decodePage(encodePage(page)?.bytes as Uint8Array);
      const comparable = (of: typeof page) =>
        of.map(({ encoded: _, ...event }) => ({ ...event, dataBytes: Buffer.from(event.dataBytes).toString() }));
      expect(comparable(read)).toEqual(comparable(page));
      const encoded = (of: typeof page) => of.map((event) => Buffer.from(encodeEvent(event)).toString());
      expect(encoded(read)).toEqual(encoded(page));
    }),
    { numRuns: 50 },
  );
});

test('a page may have more events than one record of the log', () => {
  const event = { type: 't', key: 'k', time: '2026-01-01T00:00:00Z', dataBytes: Buffer.from('{}') };
  const page = finished(
    Array.from({ length: 25_001 }, () => event),
    { source: '/a', revision: 1 },
  );
  expect(decodePage(encodePage(page)?.bytes as Uint8Array)).toHaveLength(25_001);
});

test('sequences grow with the revision, and in a page with the index, as texts', () => {
  const event = { type: 't', key: 'k', time: '2026-01-01T00:00:00Z', dataBytes: Buffer.from('{}') };
  const of = (revision: number): readonly string[] =>
    finished([event, event], { source: '/a', revision }).map(({ sequence = '' }) => sequence);
  const sequences = [1, 2, 63, 64, 4_095, 4_096, 2 ** 40].flatMap(of);
  expect(sequences.toSorted()).toEqual(sequences);
  expect(new Set(sequences).size).toBe(sequences.length);
});

test('a page without events is none', () => {
  expect(encodePage([])).toBeUndefined();
});
