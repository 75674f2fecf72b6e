import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeState, encodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { PORTION } from '../../../../functions/runtime/log/portion.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';

const mark = fc.oneof(
  fc.record({ sequence: fc.string() }),
  fc.record({ sequence: fc.string(), seenMillis: fc.nat() }),
  fc.record({ sequence: fc.string(), endedMillis: fc.nat() }),
);
/** Only events of our own steps leave marks. Their sources begin like this. */
const source = fc.string().map((rest) => `/${rest}`);
const position = fc.tuple(fc.bigInt(0n, 10n ** 56n - 1n), fc.nat(1_000)).map(([n, sub]) => positionOf(String(n), sub));
const state: fc.Arbitrary<StepState> = fc.record({
  position: fc.option(position, { nil: undefined }),
  marks: fc.array(
    fc.record({
      from: fc.bigInt(0n, 2n ** 128n - 1n),
      to: fc.bigInt(0n, 2n ** 128n - 1n),
      marks: fc.array(fc.tuple(source, mark)).map((entries) => new Map(entries)),
    }),
    { minLength: 1 },
  ),
  foreign: fc.option(
    fc.array(fc.tuple(fc.nat(31), fc.string())).map((versions) => ({
      versions: new Map(versions),
      marks: undefined,
      changed: new Set<number>(),
    })),
    { nil: undefined },
  ),
  rejections: fc.array(
    fc.record({
      at: fc.string(),
      reason: fc.constantFrom('refused' as const, 'schema' as const),
      message: fc.string(),
      bytes: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      event: fc.record({ id: fc.string(), key: fc.string(), time: fc.string() }),
    }),
  ),
  intent: fc.option(fc.record({ to: position, options: fc.jsonValue() }), { nil: undefined }),
  ended: fc.option(fc.constant(true), { nil: undefined }),
  arrivedMillis: fc.option(fc.nat(), { nil: undefined }),
  movedMillis: fc.option(fc.nat(), { nil: undefined }),
  rewinds: fc.option(fc.nat(), { nil: undefined }),
  generation: fc.option(fc.nat(), { nil: undefined }),
  rewind: fc.option(
    fc.record(
      {
        phase: fc.constantFrom('settling' as const, 'passing' as const, 'reading' as const),
        to: fc.oneof(
          fc.constant('earliest' as const),
          fc.record({ millis: fc.nat() }),
          fc.record({ sequenceNumber: fc.nat().map(String) }),
        ),
        fresh: fc.constant(true as const),
        until: position,
        endMillis: fc.nat(),
      },
      { requiredKeys: ['phase', 'to'] },
    ),
    { nil: undefined },
  ),
});

test('a state is decoded as it was encoded', () => {
  fc.assert(
    fc.property(state, (before) => {
      const after = decodeState(encodeState(before));
      // JSON has no -0 and no order of keys. All else is the same.
      expect(JSON.parse(encodeState(after))).toEqual(JSON.parse(encodeState(before)));
      expect(after.position).toBe(before.position);
      expect(after.marks).toEqual(before.marks);
      expect(after.rejections).toEqual(before.rejections);
      expect(after.foreign).toEqual(before.foreign);
      expect(after.arrivedMillis).toBe(before.arrivedMillis);
      expect(after.movedMillis).toBe(before.movedMillis);
      expect([after.rewinds, after.generation]).toEqual([before.rewinds, before.generation]);
      expect(after.rewind).toEqual(before.rewind);
    }),
  );
});

test('the rejections of a whole portion are a small part of a state, and those of an older version are read', () => {
  const rejections = Array.from({ length: PORTION.events }, (_, index) => ({
    at: positionOf('49590338271490256608559692538361571095921575989136588898', index),
    reason: 'refused' as const,
    message: 'new row for relation "orders" violates check constraint "orders_amount_check" (SQLSTATE 23514)',
    bytes: Buffer.from(JSON.stringify({ order: index, amount: -1, note: 'x'.repeat(200) })),
  }));
  const stored = encodeState({ position: undefined, marks: [], rejections });
  expect(stored.length).toBeLessThan(2_000_000);
  const decoded = decodeState(stored).rejections;
  expect([decoded.length, decoded[0], decoded.at(-1)]).toEqual([PORTION.events, rejections[0], rejections.at(-1)]);
  const few = rejections.slice(0, 100);
  const older = JSON.stringify({ m: [], r: few.map((one) => ({ ...one, bytes: one.bytes.toString('base64') })) });
  expect(decodeState(older).rejections).toEqual(few);
});
