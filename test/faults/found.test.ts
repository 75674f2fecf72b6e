import { expect, test } from 'vitest';
import { hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';
import { inAnyOrder } from '../kit/in-any-order.ts';
import { chain, type Row } from './chain.ts';

/** What schedules have found, each as small as it could be made. */
const rows = (from: number): Row[] =>
  Array.from({ length: 8 }, (_, index) => ({ n: from + index, from: 'a', to: `key-${index}` }));

test('a sink of the lake that died when it was about to say that a closed shard has ended goes on with its children', async () => {
  const run = await givenPipeline(chain);
  await run.given('end', rows(0), { key: 'to' });
  await run.settled();
  await run.when.resharded('end', 'split');
  run.when.fails('lake dynamodb.UpdateItem shard', 'killed before');
  await run.when.pass(minutes(4));
  expect(run.faults()).toHaveLength(1);
  await run.given('end', rows(100), { key: 'to' });
  await run.settled({ within: hours(2) });
  const lake = run
    .bucket('lake')
    .rows()
    .map((event) => (event as { data: unknown }).data);
  expect(inAnyOrder(lake)).toEqual(inAnyOrder([...rows(0), ...rows(100)]));
});
