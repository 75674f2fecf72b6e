import { PutRecordCommand } from '@aws-sdk/client-kinesis';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTransform } from '../../functions/runtime/transform.ts';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { operate } from '../kit/operator.ts';
import { settle } from '../kit/settle.ts';
import { streamView } from '../kit/views.ts';
import { startWorld } from '../kit/world.ts';

const Item = z.object({ number: z.number() });
const settings = { entry: import.meta.url, from: Item, to: Item };
const copying = defineTransform({ ...settings, apply: (event) => [event] });
const notDeterministic = defineTransform({ ...settings, deterministic: false, apply: (event) => [event] });
const pipeline = definePipeline({
  name: 'shop',
  streams: { raw: { schema: Item }, copied: { schema: Item }, twice: { schema: Item } },
  transforms: {
    copying: { from: 'raw', apply: copying, to: 'copied' },
    again: { from: 'copied', apply: notDeterministic, to: 'twice' },
  },
  sinks: {
    items: { from: 'copied', write: postgresSink({ table: 'items' }) },
    more: { from: 'twice', write: postgresSink({ table: 'more' }) },
  },
});

test('transforms whose checkpoint table is restored lose nothing and send nothing a second time', async () => {
  const startMillis = Date.parse('2026-01-01T00:00:00Z');
  const world = await startWorld({
    pipelines: [pipeline],
    seed: 1,
    startMillis,
    recordBytes: undefined,
    pollMillis: 60_000,
  });
  const { names, dynamodb, tables } = world.stage;
  const put = async (from: number, to: number): Promise<void> => {
    for (let number = from; number <= to; number++) {
      const record = { Data: Buffer.from(JSON.stringify({ number })), PartitionKey: 'k' };
      const StreamName = names.stream('shop', 'raw');
      await operate(world, ({ clients }) => clients.kinesis.send(new PutRecordCommand({ ...record, StreamName })));
    }
    await settle(world, 3_600_000);
  };
  await put(1, 3);
  const restore = dynamodb.backUp(names.checkpoints);
  await put(4, 6);
  restore();
  await put(7, 9);
  const all = Array.from({ length: 9 }, (_, index) => ({ number: index + 1 }));
  expect(tables.rows('items')).toEqual(all);
  expect(tables.rows('more')).toEqual(all);
  for (const [stream, step] of [
    ['copied', 'copying'],
    ['twice', 'again'],
  ] as const)
    expect(streamView(world, names.stream('shop', stream), [`/shop/${step}/`]).events()).toHaveLength(9);
});
