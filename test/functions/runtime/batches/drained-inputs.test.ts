import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { shardKey } from '../../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { openLogWriter } from '../../../../functions/runtime/log/log-writer.ts';
import { describeStream } from '../../../../functions/runtime/log/shards.ts';
import { defineTransform } from '../../../../functions/runtime/transform.ts';
import { openTransform } from '../../../../functions/runtime/transform-handler.ts';
import { deliveries, type Engine, invocation, startEngine } from '../engine-kit.ts';
import { eventOf, NEVER } from '../log/log-kit.ts';

/** Two steps in a row: `first` reads `raw` and writes `middle`, and `second` reads `middle`. */
const same = defineTransform({ entry: import.meta.url, from: z.number(), to: z.number(), apply: (event) => [event] });
const FIRST = {
  step: 'first',
  input: { stream: 'raw', own: [] as string[], start: 'earliest' },
  output: { stream: 'middle' },
};
const SECOND = {
  step: 'second',
  input: { stream: 'middle', own: ['/p/first/'] as string[], start: 'earliest' },
  output: { stream: 'end' },
};

let engine: Engine;
let sent = 0;
beforeEach(async () => {
  sent = 0;
  engine = await startEngine();
  engine.log.createStream({ StreamName: 'raw', ShardCount: 1 });
  engine.log.createStream({ StreamName: 'middle', ShardCount: 1 });
  engine.log.createStream({ StreamName: 'end', ShardCount: 1 });
});
afterEach(() => engine.stop());

const produce = () =>
  openLogWriter({ kinesis: engine.kinesis, stream: 'raw' }).append(
    Array.from({ length: 8 }, () => eventOf('/producer', sent++, `key-${sent}`)),
    NEVER,
  );

async function run(config: typeof FIRST): Promise<void> {
  const handler = openTransform(same, engine.surroundings(config));
  for (const event of deliveries(engine.log, config.input.stream))
    expect(await handler(event, invocation())).toEqual({ batchItemFailures: [] });
}

async function statesOf({ step, input }: typeof FIRST): Promise<(StepState | undefined)[]> {
  const shape = await describeStream(engine.kinesis, input.stream, NEVER);
  const { dynamodb } = engine.surroundings({});
  const checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: `p/${step}` });
  const stored = await Promise.all(shape.shards.map(({ id }) => checkpoints.load(shardKey(shape, id), NEVER)));
  return stored.map((one) => one && decodeState(one.state));
}

const sourcesOf = ([state]: readonly (StepState | undefined)[]) =>
  (state?.marks ?? []).flatMap(({ marks }) => [...marks.keys()].map((source) => source.split('/')[4]));

function split(): void {
  engine.log.updateShardCount({ StreamName: 'raw', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' });
}

test('the first batch of a child marks its parents as drained before its events are appended', async () => {
  await produce();
  await run(FIRST);
  expect((await statesOf(FIRST)).map((state) => state?.ended)).toEqual([undefined]);
  split();
  await produce();
  await run(FIRST);
  expect((await statesOf(FIRST)).map((state) => state?.ended)).toEqual([true, undefined, undefined]);
});

test('a reader drops the marks of a drained shard an hour of record time after it first reads events from a child', async () => {
  await produce();
  await run(FIRST);
  await run(SECOND);
  split();
  await produce();
  await run(FIRST);
  await run(SECOND);
  expect(sourcesOf(await statesOf(SECOND))).toEqual([
    'shardId-000000000000',
    'shardId-000000000001',
    'shardId-000000000002',
  ]);
  engine.nowMillis += 3_600_001;
  await produce();
  await run(FIRST);
  await run(SECOND);
  expect(sourcesOf(await statesOf(SECOND))).toEqual(['shardId-000000000001', 'shardId-000000000002']);
});

test('a reader keeps the marks of a shard that is not drained, for any time and whatever else arrives', async () => {
  await produce();
  await run(FIRST);
  await run(SECOND);
  // Events of another step, or of this step from another stream, say nothing about the shard.
  const others = ['/p/first/other/shardId-000000000007/g', '/p/first/lane-1-x/g'].map((source) =>
    eventOf(source, 1, 'k'),
  );
  await openLogWriter({ kinesis: engine.kinesis, stream: 'middle' }).append(others, NEVER);
  await run(SECOND);
  engine.nowMillis += 100 * 3_600_000;
  await produce();
  await run(FIRST);
  await run(SECOND);
  expect(sourcesOf(await statesOf(SECOND))).toContain('shardId-000000000000');
});

test('a reader drops the marks of a step that no longer writes into its stream', async () => {
  await produce();
  await run(FIRST);
  await run(SECOND);
  const successor = { ...SECOND, input: { ...SECOND.input, own: ['/p/third/'] } };
  for (const number of [1, 2]) {
    await openLogWriter({ kinesis: engine.kinesis, stream: 'middle' }).append(
      [eventOf('/p/third/x/shardId-000000000000/g', number, 'k')],
      NEVER,
    );
    await run(successor);
    engine.nowMillis += 3_600_001;
  }
  const [state] = await statesOf(SECOND);
  expect(state?.marks.flatMap(({ marks }) => [...marks.keys()])).toEqual(['/p/third/x/shardId-000000000000/g']);
});
