import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { type Attempt, loadAttempt } from '../../../../functions/runtime/checkpoints/attempts.ts';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { nextAttempt, type PoisonSearch, searchAfter } from '../../../../functions/runtime/poison/bisect.ts';
import { isHeld, waitsUntil } from '../../../../functions/runtime/poison/waits.ts';
import { endOfRecord, type Position, positionOf } from '../../../../functions/runtime/position.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

const BEGUN = Date.parse('2026-01-01T00:00:00Z');
const MINUTE = 60_000;
const before = endOfRecord('1');
const record = { sequenceNumber: '2', partitionKey: 'k', data: Buffer.from('{}'), approximateArrivalMillis: 0 };

function attemptWith(changes: Partial<Attempt>): Attempt {
  return {
    generation: 'g',
    from: before,
    to: positionOf('2', 0),
    until: positionOf('2', 0),
    doing: 'working',
    deaths: 0,
    undecoded: 0,
    sinceMillis: BEGUN,
    begunMillis: BEGUN,
    rejected: 0,
    survived: false,
    by: 'one',
    ...changes,
  };
}

const searchAt = (attempt: Attempt, position: Position): PoisonSearch =>
  searchAfter(attempt, { position, generation: 'g', process: 'another' });

test.each([
  { rejected: 1, minutes: undefined },
  { rejected: 2, minutes: undefined },
  { rejected: 3, minutes: 1 },
  { rejected: 4, minutes: 5 },
  { rejected: 5, minutes: 15 },
  { rejected: 400, minutes: 15 },
])('after $rejected rejections in a row the step waits $minutes minutes', ({ rejected, minutes }) => {
  // The position is behind the rejected event, so this rejection has succeeded, whether its process lives or not.
  const search = searchAt(attemptWith({ doing: 'rejecting event', rejected: rejected - 1 }), positionOf('2', 0));
  expect(search.rejected).toBe(rejected);
  expect(waitsUntil(search)).toBe(minutes === undefined ? undefined : BEGUN + minutes * MINUTE);
  expect(isHeld(search)).toBe(minutes !== undefined);
});

test('an attempt at the event after the wait is repeated without another wait, until the event has killed three times', () => {
  for (const deaths of [0, 1]) {
    const search = searchAt(attemptWith({ rejected: 3, deaths }), before);
    expect(waitsUntil(search)).toBeUndefined();
    expect(nextAttempt(search, [record], { position: before, entries: 2 })).toMatchObject({ doing: 'working' });
  }
  const third = searchAt(attemptWith({ rejected: 3, deaths: 2 }), before);
  expect(waitsUntil(third)).toBeUndefined();
  const rejecting = { doing: 'rejecting event', to: positionOf('2', 0) };
  expect(nextAttempt(third, [record], { position: before, entries: 2 })).toEqual(rejecting);
});

test('after three rejections the next event is tried alone, also when the function then dies with the whole record', () => {
  const alone = { doing: 'working', to: positionOf('2', 0) };
  const rejecting = attemptWith({ doing: 'rejecting event', from: endOfRecord('0'), to: before, rejected: 2 });
  const records = [record, { ...record, sequenceNumber: '3' }];
  for (const search of [
    searchAt(rejecting, before),
    searchAt(attemptWith({ rejected: 3, to: endOfRecord('2'), until: endOfRecord('2') }), before),
    searchAt(attemptWith({ rejected: 3, to: endOfRecord('3'), until: endOfRecord('3') }), before),
  ])
    expect(nextAttempt(search, records, { position: before, entries: 8 })).toEqual(alone);
});

test('a record is rejected whole when rejecting one of its events kills the function, and after waits when that kills too', () => {
  const event = searchAt(attemptWith({ doing: 'rejecting event', deaths: 5 }), before);
  const whole = { doing: 'rejecting record', to: endOfRecord('2') };
  expect(nextAttempt(event, [record], { position: before, entries: undefined })).toEqual(whole);
  for (const [deaths, minutes] of [
    [5, 1],
    [6, 5],
    [7, 15],
    [50, 15],
  ] as const) {
    const to = endOfRecord('2');
    const search = searchAt(attemptWith({ doing: 'rejecting record', to, until: to, deaths }), before);
    expect(nextAttempt(search, [record], { position: before, entries: undefined })).toEqual(whole);
    expect(waitsUntil(search)).toBe(BEGUN + minutes * MINUTE);
    expect(isHeld(search)).toBe(true);
  }
});

test('a shard that a former version held for an operator goes on: the event that had killed the function is rejected', async () => {
  const table = createDynamoDb();
  table.createTable('checkpoints', { partition: 'step', sort: 'key' });
  const dynamodb = { send: table.call } as unknown as DynamoDBClient;
  const checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 's' });
  const { deaths, ...held } = attemptWith({ doing: 'holding', deaths: 3, rejected: 3, survived: true });
  const state = JSON.stringify({ ...held, kills: deaths });
  const { signal } = new AbortController();
  await checkpoints.save({ key: 'attempts/shard', previous: 0, revision: 1, state, signal });
  const { attempt } = await loadAttempt(checkpoints, 'shard', signal);
  const search = searchAt(attempt as Attempt, before);
  expect(waitsUntil(search)).toBeUndefined();
  expect(nextAttempt(search, [record], { position: before, entries: undefined }).doing).toBe('decoding');
  const rejecting = { doing: 'rejecting event', to: positionOf('2', 0) };
  expect(nextAttempt(search, [record], { position: before, entries: 2 })).toEqual(rejecting);
});
