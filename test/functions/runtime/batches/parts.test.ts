import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBatch } from '../../../../functions/runtime/batches/batch.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import type { Progress } from '../../../../functions/runtime/sink.ts';
import { openSink } from '../../../../functions/runtime/sink-handler.ts';
import { tickEverywhere } from '../../../../functions/runtime/time/tick.ts';
import { deliveries, type Engine, invocation, plainSink, startEngine } from '../engine-kit.ts';
import { eventOf, NEVER } from '../log/log-kit.ts';

let engine: Engine;
beforeEach(async () => {
  engine = await startEngine();
});
afterEach(() => engine.stop());

test('a sink that publishes nothing and stops before a tick gets the tick again, and no event twice', async () => {
  engine.log.createStream({ StreamName: 'in', ShardCount: 1 });
  const source = '/p/first/x/s/g';
  await openLogWriter({ kinesis: engine.kinesis, stream: 'in' }).append(
    [eventOf(source, 1, 'k'), eventOf(source, 2, 'k'), tickEverywhere('/p/in--ticks', { millis: engine.nowMillis })],
    NEVER,
  );
  const slices: unknown[][] = [];
  let progress: Progress | undefined;
  const sink = plainSink(() => ({
    async write({ pages, time, ...slice }) {
      const numbers: unknown[] = [];
      for await (const page of pages) numbers.push(...page.map(({ data }) => data));
      slices.push(numbers);
      // As a table does that has more windows to close than fit into one transaction.
      progress = slice.progress([], { events: [], upTo: slices.length < 3 ? time?.beforeTick : undefined });
      return [];
    },
    loadProgress: async () => progress,
    isEmpty: async () => false,
  }));
  const time = { steps: [], scheduled: true };
  const handler = openSink(
    sink,
    engine.surroundings({ input: { stream: 'in', own: [], start: 'earliest' }, time, options: {}, resources: {} }),
  );
  const [batch] = deliveries(engine.log, 'in');
  expect(await handler(batch ?? { Records: [] }, invocation())).toEqual({ batchItemFailures: [] });
  expect(slices).toEqual([[1, 2], [], []]);
});

test('a batch that keeps no records makes no part of itself', () => {
  const committed = { position: undefined, marks: [], rejections: [] };
  const batch = openBatch(committed, { stream: 'in', from: 0n, to: 0n, own: [] });
  expect(() => batch.upTo(positionOf('1', 0))).toThrow('its step takes none');
});
