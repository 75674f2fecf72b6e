import { expect, test } from 'vitest';
import { metricsLine } from '../../../functions/runtime/metrics.ts';
import { countSteps } from '../../../infra/local/counts.ts';
import { textTable } from '../../../infra/text-table.ts';

const counted = { eventsIn: 3, eventsOut: 2, rejected: 1, alreadySeen: 0, bytesIn: 9, bytesOut: 9, durationMillis: 1 };

test('adds up the metrics of the steps, and ignores other lines', () => {
  const counts = countSteps();
  const line = metricsLine({ stage: 'local', pipeline: 'p', step: 's', shard: '0' }, counted, 0);
  expect([counts.take(line), counts.take(line), counts.take('{"level":"error"}'), counts.take('hello')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(counts.of('p/s')).toEqual({ eventsIn: 6, eventsOut: 4, rejected: 2, alreadySeen: 0 });
  expect(counts.of('p/other').eventsIn).toBe(0);
});

test('aligns numbers to the right and text to the left', () => {
  expect(
    textTable(
      ['step', 'events'],
      [
        ['a', 1_000],
        ['bc', 2],
      ],
    ),
  ).toBe(['step  events', '────  ──────', 'a      1,000', 'bc         2'].join('\n'));
});
