import { expect, test } from 'vitest';
import { startMapping } from '../../../../infra/emulator/mapping/mapping.ts';
import { seededRandom } from './seeded-random.ts';
import { bucketArn, type Handler, returns, streamArn, throws, world } from './world.ts';

const uuid = '7f6b1c1e-0000-4000-8000-000000000001';

type World = Awaited<ReturnType<typeof world>>;

function standIn({ clock, log, destinations }: World, checkpoints: Record<string, string>, handler: Handler) {
  const data: string[] = [];
  const mapping = startMapping({
    configuration: {
      FunctionName: 'load',
      EventSourceArn: streamArn,
      StartingPosition: 'TRIM_HORIZON',
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: { Destination: bucketArn } },
    },
    standsInFor: { uuid, checkpoints },
    async invoke({ payload, ...request }) {
      const { Records } = JSON.parse(payload) as { Records: { kinesis: { data: string } }[] };
      data.push(...Records.map(({ kinesis }) => Buffer.from(kinesis.data, 'base64').toString()));
      return await handler({ ...request, payload } as never, data.length);
    },
    kinesis: log,
    destinations,
    clock,
    random: seededRandom(1),
    trace: () => undefined,
  });
  return { data, mapping };
}

test('a mapping that stands in for another continues after its checkpoints, shard by shard, and from the start where there is none', async () => {
  const here = await world({ shards: 2 });
  const [, second] = await here.put(['a', 'b', 'c'], '0');
  await here.put(['x', 'y'], String(2n ** 128n - 1n));
  const { data, mapping } = standIn(here, { 'shardId-000000000000': second ?? '' }, () => returns());
  await here.clock.runUntil(mapping.caughtUp());
  expect(data.sort()).toEqual(['c', 'x', 'y']);
});

test('a checkpoint in a closed shard leaves its children to be read from their start', async () => {
  const here = await world();
  const [first] = await here.put(['a', 'b'], '0');
  await here.split('shardId-000000000000', String(2n ** 127n));
  await here.put(['c'], '0');
  const { data, mapping } = standIn(here, { 'shardId-000000000000': first ?? '' }, () => returns());
  await here.clock.runUntil(mapping.caughtUp());
  expect(data).toEqual(['b', 'c']);
});

test('a mapping that stands in for another stores discarded records under the identifier of that one', async () => {
  const here = await world();
  await here.put(['a']);
  const { mapping } = standIn(here, {}, () => throws());
  await here.clock.runUntil(mapping.caughtUp());
  expect(mapping.state().UUID).toBe(uuid);
  expect(here.documents.map(({ key }) => key?.startsWith(`aws/lambda/${uuid}/`))).toEqual([true]);
});
