import { expect, test } from 'vitest';
import type { Attempt } from '../../../../functions/runtime/checkpoints/attempts.ts';
import { nextTry, suspicionOf } from '../../../../functions/runtime/poison/bisect.ts';
import { endOfRecord, positionOf } from '../../../../functions/runtime/position.ts';

const before = endOfRecord('1');
const record = { sequenceNumber: '2', partitionKey: 'k', data: Buffer.from('{}'), approximateArrivalMillis: 0 };

/** What comes after a process that died while it decoded the record, of whose first event two have died. */
function afterDecoding(undecoded: number) {
  const to = positionOf('2', 0);
  const attempt: Attempt = {
    generation: 'g',
    from: before,
    to,
    until: to,
    doing: 'decoding',
    deaths: 2,
    undecoded,
    sinceMillis: 0,
    begunMillis: 0,
    rejected: 0,
    survived: false,
    by: 'one',
  };
  const suspicion = suspicionOf(attempt, { position: before, generation: 'g', process: 'another' });
  return (entries: number | undefined) => nextTry(suspicion, [record], { position: before, entries });
}

test('a record is not rejected whole because processes died of one event in it, the last of them before it knew which', () => {
  expect(afterDecoding(0)(undefined)).toMatchObject({ doing: 'decoding' });
  expect(afterDecoding(0)(2)).toEqual({ doing: 'rejecting event', to: positionOf('2', 0) });
});

test('a record is rejected whole when three processes in a row died while they decoded it', () => {
  expect(afterDecoding(2)(undefined)).toEqual({ doing: 'rejecting record', to: endOfRecord('2') });
});
