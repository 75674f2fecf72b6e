import type { KinesisStreamRecord } from 'aws-lambda';
import { expect, test } from 'vitest';
import { reportWaiting } from '../../../../functions/runtime/delivery/report-waiting.ts';
import type { StepCounts } from '../../../../functions/runtime/metrics.ts';
import { noDeadline } from '../../../eventually.ts';

const HOUR = 3_600_000;
const NOW = 100 * HOUR;

/** What a step reports whose first record has waited for some hours, of a stream that keeps its records for a day. */
async function reported(waited: number, of: { isMadeAgain: boolean; isTable?: boolean; isTimed?: boolean }) {
  const { isMadeAgain, isTable = true, isTimed = false } = of;
  let counts: StepCounts | undefined;
  const step = {
    now: () => NOW,
    config: isTimed ? { time: {} } : {},
    report: (_: string, given: StepCounts) => (counts = given),
  };
  const input = { shape: async () => ({ incarnation: 'stream', retentionMillis: 24 * HOUR }) };
  const rebuilt = isTable ? async () => true : undefined;
  const kinesis = { sequenceNumber: '1', approximateArrivalTimestamp: (NOW - waited * HOUR) / 1_000, data: '' };
  const first = { kinesis } as unknown as KinesisStreamRecord;
  const call = { shardId: 'shardId-0', first, isMadeAgain, signal: noDeadline() };
  await reportWaiting({ step, input, rebuilt } as unknown as Parameters<typeof reportWaiting>[0], call);
  return counts;
}

test('a table reports how long a record has waited that it leaves unprocessed, and other steps leave that to Lambda', async () => {
  expect(await reported(3, { isMadeAgain: false })).toMatchObject({ eventsIn: 0, lagMillis: 3 * HOUR });
  expect(await reported(3, { isMadeAgain: false, isTable: false })).toBeUndefined();
});

test('while a table is made again, waiting is no lag and its time may stand still, until half of the retention is over', async () => {
  expect(await reported(11, { isMadeAgain: true })).not.toHaveProperty('lagMillis');
  expect(await reported(11, { isMadeAgain: true })).not.toHaveProperty('watermarkLagMillis');
  const timed = await reported(11, { isMadeAgain: true, isTimed: true });
  expect(timed).toMatchObject({ watermarkLagMillis: 0 });
  expect(timed).not.toHaveProperty('lagMillis');
  const late = await reported(13, { isMadeAgain: true, isTimed: true });
  expect(late).toMatchObject({ lagMillis: 13 * HOUR });
  expect(late).not.toHaveProperty('watermarkLagMillis');
});
