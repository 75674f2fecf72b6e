import { expect, test } from 'vitest';
import type { Batch } from '../../../../functions/runtime/batches/batch.ts';
import { report } from '../../../../functions/runtime/batches/report.ts';
import type { StepCounts } from '../../../../functions/runtime/metrics.ts';
import type { Step } from '../../../../functions/runtime/step.ts';
import { newClock } from '../../../../functions/runtime/time/clock.ts';
import { WHOLE_SPACE } from '../../../../functions/runtime/time/tick.ts';

const NOW = 1_000_000;

function reported(watermarks: readonly number[] | undefined, dueMillis?: number): StepCounts {
  let counts: StepCounts | undefined;
  const step = { now: () => NOW, report: (_: string, of: StepCounts) => (counts = of) } as unknown as Step;
  const clock = watermarks?.map((watermark) => ({ ...newClock(WHOLE_SPACE)[0]!, watermark }));
  const batch = {
    events: [],
    rejections: [],
    counts: { alreadySeen: 0, bytes: 0, dataBytes: 0 },
    arrivalMillis: NOW - 5,
    time: clock && { clock },
  } as unknown as Batch;
  report(step, 'shard', { batch, done: { eventsOut: 0, bytesOut: 0, rejected: 0, dueMillis } as never, started: NOW });
  return counts as StepCounts;
}

test('a step that knows the time reports how far the lowest watermark of its shard is behind now, once it has one', () => {
  expect(reported([NOW - 10, NOW - 70])).toMatchObject({ watermarkLagMillis: 70, lagMillis: 5 });
  // The clock of the schedule may be ahead of the function's.
  expect(reported([NOW + 10])).toMatchObject({ watermarkLagMillis: 0 });
  for (const counts of [reported(undefined), reported([NOW, Number.NEGATIVE_INFINITY])])
    expect(counts).not.toHaveProperty('watermarkLagMillis');
});

test('a table with final windows reports for how long the oldest open one had to be closed, and nothing where none is open', () => {
  expect(reported([NOW], NOW - 90)).toMatchObject({ overdueMillis: 90 });
  expect(reported([NOW], NOW + 90)).toMatchObject({ overdueMillis: 0 });
  expect(reported([NOW])).not.toHaveProperty('overdueMillis');
});
