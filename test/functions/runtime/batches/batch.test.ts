import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type BatchFacts, openBatch } from '../../../../functions/runtime/batches/batch.ts';
import { noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import type { StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { endOfRecord, positionOf } from '../../../../functions/runtime/position.ts';
import {
  AGGREGATE_MAGIC,
  MOST_ENTRIES,
  newAggregate,
  RECORD,
} from '../../../../functions/runtime/record-codec/aggregate.ts';
import { encodeEvent } from '../../../../functions/runtime/record-codec/encode.ts';
import { hashOf } from '../../../../functions/runtime/record-codec/hash.ts';
import type { LogRecord } from '../../../../functions/runtime/record-codec/record.ts';
import { eventOf } from '../log/log-kit.ts';

const WHOLE: BatchFacts = { stream: 'in', from: 0n, to: 2n ** 128n - 1n, own: ['/p/first/'] };
const EMPTY: StepState = { position: undefined, marks: noMarks(WHOLE.from, WHOLE.to), rejections: [] };

function recordOf(
  sequenceNumber: number,
  events: readonly { source: string; number: number; key: string }[],
): LogRecord {
  const aggregate = newAggregate({ maxBytes: 1_000_000 });
  for (const { source, number, key } of events) aggregate.add(key, encodeEvent(eventOf(source, number, key)));
  return record(sequenceNumber, aggregate.finish());
}

const record = (sequenceNumber: number, data: Uint8Array): LogRecord => ({
  sequenceNumber: String(sequenceNumber),
  partitionKey: 'k',
  data,
  approximateArrivalMillis: sequenceNumber,
});

const own = (number: number, key = 'a') => ({ source: '/p/first/x/s/g', number, key });
const taken = (state: StepState, records: readonly LogRecord[], facts = WHOLE) => {
  const batch = openBatch(state, facts);
  for (const one of records) batch.take(one);
  return { batch, numbers: batch.events.map(({ data }) => data) };
};

describe('a batch', () => {
  test('drops events that its position has passed, also inside a record', () => {
    const records = [recordOf(1, [own(1), own(2)]), recordOf(2, [own(3), own(4)])];
    expect(taken({ ...EMPTY, position: positionOf('2', 0) }, records).numbers).toEqual([4]);
    expect(taken({ ...EMPTY, position: endOfRecord('1') }, records).numbers).toEqual([3, 4]);
  });

  test('keeps the letter of a record with too many entries that an earlier version has processed in part', () => {
    const message = Buffer.alloc(2 * (MOST_ENTRIES + 1), Buffer.from([RECORD, 0]));
    const hostile = record(1, Buffer.concat([AGGREGATE_MAGIC, message, createHash('md5').update(message).digest()]));
    const { batch } = taken({ ...EMPTY, position: positionOf('1', 7) }, [hostile]);
    expect(batch.rejections).toMatchObject([{ at: endOfRecord('1'), reason: 'undecodable', bytes: hostile.data }]);
    expect(batch.state().position).toBe(endOfRecord('1'));
    expect(taken(batch.state(), [hostile]).batch.rejections).toEqual([]);
  });

  test('drops events of an aggregated record that hash outside the shard, without moving their source’s mark', () => {
    const middle = (hashOf('a') + hashOf('b')) / 2n;
    const low = hashOf('a') < hashOf('b') ? 'a' : 'b';
    const high = low === 'a' ? 'b' : 'a';
    const facts = { ...WHOLE, to: middle };
    const { batch, numbers } = taken(
      EMPTY,
      [recordOf(1, [own(1, low), own(2, high)]), recordOf(2, [own(2, low)])],
      facts,
    );
    expect(numbers).toEqual([1, 2]);
    expect(batch.counts.alreadySeen).toBe(0);
  });

  test('takes a record that is not aggregated even when its key hashes outside the shard, because an explicit hash key may have put it here', () => {
    const { numbers } = taken(EMPTY, [record(1, Buffer.from('7'))], { ...WHOLE, to: 0n });
    expect(numbers).toEqual([7]);
  });

  test('does not deduplicate events of a source whose name only begins like one of ours', () => {
    const foreign = { source: '/p/firstborn/x', number: 1, key: 'a' };
    expect(taken(EMPTY, [recordOf(1, [foreign]), recordOf(2, [foreign])]).numbers).toEqual([1, 1]);
  });

  describe('with redriven events', () => {
    const facts = { ...WHOLE, names: ['p/second', 'p/former'] };
    const put = (step: string, sequenceNumber: number, numbers: readonly number[]): LogRecord => {
      const aggregate = newAggregate({ maxBytes: 1_000_000 });
      for (const number of numbers) {
        const event = { ...eventOf(`/${step}/redrive/lane`, number, 'a'), redrivenFor: step };
        aggregate.add('a', encodeEvent(event));
      }
      return record(sequenceNumber, aggregate.finish());
    };

    test.each(['p/second', 'p/former'])('takes those for its own step, under the name %s, once', (name) => {
      const { batch, numbers } = taken(EMPTY, [put(name, 1, [1, 2]), put(name, 2, [1, 2, 3])], facts);
      expect(numbers).toEqual([1, 2, 3]);
      expect(batch.counts.alreadySeen).toBe(2);
    });

    test('drops those for another step without counting them or keeping their marks', () => {
      const { batch, numbers } = taken(EMPTY, [put('p/other', 1, [1]), put('p/secondary', 2, [2])], facts);
      expect([numbers, batch.counts.alreadySeen, batch.rejections]).toEqual([[], 0, []]);
      expect(batch.state()).toMatchObject({ position: endOfRecord('2'), marks: [{ marks: new Map() }] });
    });

    test('takes those for every step when the reader gives no name, as inspection does', () => {
      expect(taken(EMPTY, [put('p/other', 1, [1]), put('p/other', 2, [1])]).numbers).toEqual([1, 1]);
    });
  });

  test('leaves the committed state unchanged', () => {
    const { batch } = taken(EMPTY, [recordOf(1, [own(1)])]);
    expect(EMPTY.marks[0]?.marks.size).toBe(0);
    expect(batch.state()).toMatchObject({ position: endOfRecord('1') });
    expect(taken(batch.state(), [recordOf(2, [own(1), own(2)])]).numbers).toEqual([2]);
  });

  test('rejects a record that does not decode once, and moves past it', () => {
    const records = [record(1, Buffer.from([1, 2, 3])), recordOf(2, [own(1)])];
    const { batch, numbers } = taken(EMPTY, records);
    expect(numbers).toEqual([1]);
    expect(batch.rejections).toMatchObject([{ reason: 'undecodable', bytes: Buffer.from([1, 2, 3]) }]);
    expect(taken(batch.state(), records).batch.rejections).toEqual([]);
  });

  test('tells when its newest record arrived, and how many bytes its records have', () => {
    const { batch } = taken(EMPTY, [record(5, Buffer.from('1')), record(9, Buffer.from('22'))]);
    expect([batch.arrivalMillis, batch.counts.bytes]).toEqual([9, 3]);
  });
});
