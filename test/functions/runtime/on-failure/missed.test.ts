import { describe, expect, test } from 'vitest';
import { type BatchFacts, openBatch } from '../../../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import type { StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import type { Gap } from '../../../../functions/runtime/on-failure/gaps.ts';
import { type Missing, missed, OnFailureDocument } from '../../../../functions/runtime/on-failure/missed.ts';
import { endOfRecord, type Position, positionOf } from '../../../../functions/runtime/position.ts';
import { newAggregate } from '../../../../functions/runtime/record-codec/aggregate.ts';
import { encodeEvent } from '../../../../functions/runtime/record-codec/encode.ts';
import { eventOf } from '../log/log-kit.ts';

const WHOLE: BatchFacts = { stream: 'in', from: 0n, to: 2n ** 128n - 1n, own: ['/p/first/'], names: ['p/second'] };
const DISCARDED = Date.parse('2026-01-02T00:00:00Z');
const EMPTY: StepState = { position: undefined, marks: noMarks(WHOLE.from, WHOLE.to), rejections: [] };

/** A document with these records. Each has two events: 10 and 11, 20 and 21, 30 and 31. */
const document = (records = [1, 2, 3]): OnFailureDocument =>
  OnFailureDocument.parse({
    requestContext: { functionArn: 'arn:aws:lambda:r:1:function:f', condition: 'RecordAgeExceeded', requestId: 'r' },
    timestamp: new Date(DISCARDED).toISOString(),
    KinesisBatchInfo: { shardId: 'shardId-0', streamArn: 'arn:aws:kinesis:r:1:stream/in', batchSize: records.length },
    payload: JSON.stringify({ Records: records.map((number) => recordOf(number, twoEvents(number))) }),
  });

function twoEvents(number: number): Buffer {
  const aggregate = newAggregate({ maxBytes: 1_000_000 });
  for (const event of [0, 1])
    aggregate.add('k', encodeEvent(eventOf('/p/first/x/s/g', 10 * number + event, `key-${number}${event}`)));
  return aggregate.finish();
}

const recordOf = (number: number, data: Buffer) => ({
  eventID: `shardId-0:${number}`,
  kinesis: {
    sequenceNumber: String(number),
    partitionKey: 'k',
    data: data.toString('base64'),
    approximateArrivalTimestamp: 1_767_225_600 + number,
  },
});

const missedWhen = (known: Partial<Missing>, of = document()) =>
  missed(of, { facts: WHOLE, state: EMPTY, gaps: [], nowMillis: DISCARDED + 1_000, ...known })?.map(({ bytes }) =>
    Number(JSON.parse(Buffer.from(bytes).toString()).data),
  );
const at = (position: Position): StepState => ({ ...EMPTY, position });
const gap = (from: Position, to: Position): Gap => ({ from, to, notedMillis: DISCARDED });

describe('of the events in an on-failure document, a step has missed', () => {
  test.each<[string, Partial<Missing>, readonly number[] | undefined]>([
    ['all of it, when it has read nothing', {}, [10, 11, 20, 21, 30, 31]],
    ['nothing, when its position has passed it and no gap is there', { state: at(endOfRecord('3')) }, []],
    ['what its position has not passed', { state: at(endOfRecord('2')) }, [30, 31]],
    ['what of a record its position is inside of comes after that', { state: at(positionOf('2', 0)) }, [21, 30, 31]],
    [
      'what is in a gap that its position has passed since',
      { state: at(endOfRecord('9')), gaps: [gap(endOfRecord('1'), positionOf('3', 0))] },
      [20, 21],
    ],
    [
      'the rest of a record at which a gap begins',
      { state: at(endOfRecord('9')), gaps: [gap(positionOf('1', 0), positionOf('2', 0))] },
      [11],
    ],
    [
      'what is in any of its gaps, and what comes after its position',
      { state: at(endOfRecord('2')), gaps: [gap(endOfRecord('0'), positionOf('2', 0))] },
      [10, 11, 30, 31],
    ],
    ['what cannot be told before it has ended its rewind', { state: { ...EMPTY, rewind: rewinding() } }, undefined],
    ['what cannot be told yet while its position is out of reach', { state: undefined }, undefined],
    [
      'what is in a gap, wherever its position is',
      { state: undefined, gaps: [gap(endOfRecord('0'), positionOf('4', 0))] },
      [10, 11, 20, 21, 30, 31],
    ],
    [
      'all of it, to be on the safe side, after an hour out of reach',
      { state: undefined, nowMillis: DISCARDED + 3_600_000 },
      [10, 11, 20, 21, 30, 31],
    ],
  ])('%s', (_, known, expected) => {
    expect(missedWhen(known)).toEqual(expected);
  });

  test('no event that it had before, by the marks at its position', () => {
    const batch = openBatch(EMPTY, WHOLE);
    for (const record of [{ ...recordOf(0, twoEvents(2)).kinesis, data: twoEvents(2), approximateArrivalMillis: 0 }])
      batch.take(record);
    expect(missedWhen({ state: batch.state() })).toEqual([30, 31]);
  });

  test('no event that was put back for another step', () => {
    const other = { ...eventOf('/p/third/redrive/l', 1, 'k'), redrivenFor: 'p/third' };
    const of = document([]);
    const records = [recordOf(1, Buffer.from(encodeEvent(other)))];
    expect(missedWhen({}, { ...of, payload: { Records: records } as never })).toEqual([]);
  });

  test('the records that do not decode, with the reason why they do not', () => {
    const of = { ...document([]), payload: { Records: [recordOf(1, Buffer.from([1, 2]))] } as never };
    const found = missed(of, { facts: WHOLE, state: EMPTY, gaps: [], nowMillis: DISCARDED });
    expect(found).toMatchObject([{ reason: 'undecodable', bytes: Buffer.from([1, 2]) }]);
  });
});

test('a document without records is an error', () => {
  expect(() => OnFailureDocument.parse({ ...document(), payload: JSON.stringify({}) })).toThrow('is not the event');
});

function rewinding(): NonNullable<StepState['rewind']> {
  return { phase: 'reading', to: 'earliest' };
}
