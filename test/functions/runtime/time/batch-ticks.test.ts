import { expect, test } from 'vitest';
import { type BatchFacts, openBatch } from '../../../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import { decodeState, encodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { isForAnother } from '../../../../functions/runtime/dead-letters/redriven.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { decodeRecord } from '../../../../functions/runtime/record-codec/decode.ts';
import { encodeEvent } from '../../../../functions/runtime/record-codec/encode.ts';
import type { LogRecord } from '../../../../functions/runtime/record-codec/record.ts';
import { aimedAt, tickEverywhere, WHOLE_SPACE } from '../../../../functions/runtime/time/tick.ts';
import { eventOf } from '../log/log-kit.ts';

const PLAIN: BatchFacts = { stream: 'in', ...WHOLE_SPACE, own: ['/p/first/'], names: ['p/me'] };
const TIMED: BatchFacts = { ...PLAIN, time: { steps: [], scheduled: true } };
const EMPTY: StepState = { position: undefined, marks: noMarks(PLAIN.from, PLAIN.to), rejections: [] };
const SOURCE = '/p/first/x/s/g';
/** The events of the log kit are of this time. */
const MIDNIGHT = Date.parse('2026-01-01T00:00:00Z');

const event = (number: number) => ({ bytes: encodeEvent(eventOf(SOURCE, number, 'a')) });
const tick = (millis: number) => ({
  bytes: encodeEvent(aimedAt(tickEverywhere('/p/in--ticks', { millis }), WHOLE_SPACE)),
  hash: 0n,
});

function record(arrivedMillis: number, entries: readonly { bytes: Uint8Array; hash?: bigint }[]): LogRecord {
  const aggregate = newAggregate({ maxBytes: 100_000 });
  for (const { bytes, hash } of entries) aggregate.add('a', bytes, hash);
  return { sequenceNumber: '7', partitionKey: 'a', data: aggregate.finish(), approximateArrivalMillis: arrivedMillis };
}

const MIXED = record(MIDNIGHT + 5_000, [event(1), tick(MIDNIGHT + 60_000), event(2), tick(MIDNIGHT + 120_000)]);

test('a reader that needs no time skips ticks and counts none, also those of a record with nothing else', () => {
  const batch = openBatch(EMPTY, PLAIN);
  batch.take(MIXED);
  batch.take({ ...record(MIDNIGHT, [tick(MIDNIGHT)]), sequenceNumber: '8' });
  expect(batch.events.map(({ data }) => data)).toEqual([1, 2]);
  expect([batch.rejections, batch.counts.alreadySeen, batch.time]).toEqual([[], 0, undefined]);
  expect(batch.state().position).toBe(positionOf('8', 64 ** 4 - 1));
  expect(batch.state().clock).toBeUndefined();
});

test('a reader of an earlier version drops a tick, because it is addressed to nobody', () => {
  const alone = { sequenceNumber: '7', partitionKey: 'a', data: tick(0).bytes, approximateArrivalMillis: 0 };
  const asEvent = { ...alone, data: Buffer.from(Buffer.from(alone.data).toString().replace('"/tick"', '"x/y"')) };
  const [entry] = decodeRecord(asEvent, { name: 'in' }).entries;
  expect(entry !== undefined && 'event' in entry && isForAnother(entry.event, ['p/me'])).toBe(true);
  expect(decodeRecord(alone, { name: 'in' })).toMatchObject({ entries: [], ticks: [{ tick: { millis: 0 } }] });
});

test('each event knows the watermark before it, and ticks that make the shard later are passed on in their place', () => {
  const batch = openBatch(EMPTY, TIMED);
  batch.take(MIXED);
  const moments = batch.events.map((one) => batch.time?.momentOf(one));
  expect(moments.map((moment) => moment?.watermark)).toEqual([Number.NEGATIVE_INFINITY, MIDNIGHT + 60_000]);
  expect(moments.map((moment) => moment?.arrivedMillis)).toEqual([MIDNIGHT + 5_000, MIDNIGHT + 5_000]);
  expect(batch.time?.passedOn).toEqual([
    { eventsBefore: 1, millis: MIDNIGHT + 60_000 },
    { eventsBefore: 2, millis: MIDNIGHT + 120_000 },
  ]);
  const stored = decodeState(encodeState(batch.state()));
  expect(stored.clock).toMatchObject([{ watermark: MIDNIGHT + 120_000 }]);
});

test('the time of an event moves the watermark at most to the arrival of its record', () => {
  const batch = openBatch(EMPTY, TIMED);
  batch.take(record(MIDNIGHT - 30_000, [event(1)]));
  expect(batch.state().clock).toMatchObject([{ watermark: MIDNIGHT - 30_000 }]);
});

test('a batch that ends inside a record leaves the ticks behind its end for later', () => {
  const batch = openBatch(EMPTY, TIMED);
  batch.take(MIXED, positionOf('7', 2));
  expect(batch.state().clock).toMatchObject([{ watermark: MIDNIGHT + 60_000 }]);
  const rest = openBatch(batch.state(), TIMED);
  rest.take(MIXED);
  expect(rest.events).toEqual([]);
  expect(rest.time?.passedOn).toEqual([{ eventsBefore: 0, millis: MIDNIGHT + 120_000 }]);
});

test('a tick whose content makes no sense is dropped', () => {
  const bytes = Buffer.from(Buffer.from(tick(1).bytes).toString().replace('"aim":["0"', '"aim":["zero"'));
  const batch = openBatch(EMPTY, TIMED);
  batch.take(record(MIDNIGHT, [{ bytes, hash: 0n }]));
  expect([batch.events, batch.rejections, batch.time?.passedOn]).toEqual([[], [], []]);
});
