import { expect, test } from 'vitest';
import { type DeliveryLedger, deliveryLedger } from './delivery-ledger.ts';

const shardId = 'shardId-000000000000';
const childId = 'shardId-000000000001';

/** Five records in the parent, two in the child. */
function written(): DeliveryLedger {
  const ledger = deliveryLedger();
  const answer = (ShardId: string) => (SequenceNumber: string) => ({ ShardId, SequenceNumber });
  ledger.knowsParents(childId, [shardId]);
  ledger.wrote(['1', '2', '3', '4', '5'].map(answer(shardId)));
  ledger.wrote(['6', '7'].map(answer(childId)));
  return ledger;
}

function deliver(ledger: DeliveryLedger, sequenceNumbers: string, inShard = shardId) {
  const Records = [...sequenceNumbers].map((sequenceNumber) => ({
    eventID: `${inShard}:${sequenceNumber}`,
    kinesis: { sequenceNumber, data: btoa(sequenceNumber) },
  }));
  return ledger.delivered(JSON.stringify({ Records }));
}

function document(condition: string, startSequenceNumber: string, endSequenceNumber: string) {
  const batchSize = Number(endSequenceNumber) - Number(startSequenceNumber) + 1;
  const requestContext = { condition, approximateInvokeCount: 1 };
  return { requestContext, KinesisBatchInfo: { shardId, startSequenceNumber, endSequenceNumber, batchSize } } as never;
}

test('the ledger accepts deliveries in order whose records are all processed or discarded', () => {
  const ledger = written();
  ledger.done(deliver(ledger, '123'), 2);
  ledger.done(deliver(ledger, '3'), 1);
  ledger.failed(deliver(ledger, '45'));
  ledger.discarded(document('RetryAttemptsExhausted', '4', '5'), 0);
  ledger.done(deliver(ledger, '67', childId), 2);
  expect(ledger.violations()).toEqual([]);
});

test.each<[string, (ledger: DeliveryLedger) => void, RegExp]>([
  [
    'a lost record',
    (ledger) => ledger.done(deliver(ledger, '12'), 2),
    /record 2 of 5 was neither processed nor discarded/,
  ],
  ['a delivery that skips a record', (ledger) => deliver(ledger, '23'), /record 1 was delivered while record 0/],
  ['a delivery out of order', (ledger) => deliver(ledger, '132'), /3 was delivered at index 1/],
  ['a delivery with a gap', (ledger) => deliver(ledger, '124'), /4 was delivered at index 2/],
  ['a child before its parent', (ledger) => deliver(ledger, '6', childId), /while its parent .* was at record 0 of 5/],
  [
    'a discard that skips a record',
    (ledger) => ledger.discarded(document('RecordAgeExceeded', '2', '2'), 0),
    /record 1 was discarded before record 0/,
  ],
  [
    'a discard without its retries',
    (ledger) => ledger.discarded(document('RetryAttemptsExhausted', '1', '1'), 0),
    /record 0 was discarded after 0 failures/,
  ],
  [
    'a wrong invoke count',
    (ledger) => ledger.discarded(document('RetryAttemptsExhausted', '1', '1'), 2),
    /2 retries were reported as 1 invocations/,
  ],
])('the ledger notices %s', (_, happens, violation) => {
  const ledger = written();
  happens(ledger);
  expect(ledger.violations().join('\n')).toMatch(violation);
});
