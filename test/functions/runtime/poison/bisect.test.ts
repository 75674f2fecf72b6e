import { expect, test } from 'vitest';
import type { Attempt } from '../../../../functions/runtime/checkpoints/attempts.ts';
import { nextAttempt, searchAfter } from '../../../../functions/runtime/poison/bisect.ts';
import { endOfRecord, positionOf } from '../../../../functions/runtime/position.ts';

const before = endOfRecord('1');
const record = { sequenceNumber: '2', partitionKey: 'k', data: Buffer.from('{}'), approximateArrivalMillis: 0 };

/**
 * The next attempt after a process that died while it decoded a record of whose first event two processes have died.
 */
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
  const search = searchAfter(attempt, { position: before, generation: 'g', process: 'another' });
  return (entries: number | undefined) => nextAttempt(search, [record], { position: before, entries });
}

test('processes that died of one event in a record are no reason to reject the whole record', () => {
  expect(afterDecoding(0)(undefined)).toMatchObject({ doing: 'decoding' });
  expect(afterDecoding(0)(2)).toEqual({ doing: 'rejecting event', to: positionOf('2', 0) });
});

test('rejects a whole record when three processes in a row died while they decoded it', () => {
  expect(afterDecoding(2)(undefined)).toEqual({ doing: 'rejecting record', to: endOfRecord('2') });
});
