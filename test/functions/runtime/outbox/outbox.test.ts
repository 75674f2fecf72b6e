import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { openCheckpoints, type Save } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import type { Ancestor, LoadedState } from '../../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { openOutbox } from '../../../../functions/runtime/outbox/outbox.ts';
import { encodePage, finished } from '../../../../functions/runtime/outbox/page.ts';
import type { Publication } from '../../../../functions/runtime/sink.ts';
import type { Step } from '../../../../functions/runtime/step.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

const { signal } = new AbortController();

/** What the outbox did, in its order: what it appended, and the notes that it saved. */
let done: string[];
let step: Step;
let refused: readonly object[];

beforeEach(() => {
  done = [];
  refused = [];
  const table = createDynamoDb();
  table.createTable('checkpoints', { partition: 'step', sort: 'key' });
  const dynamodb = { send: table.call } as unknown as DynamoDBClient;
  const checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'shop/basket' });
  step = {
    name: 'shop/basket',
    checkpoints: {
      ...checkpoints,
      save: async (save: Save) => {
        await checkpoints.save(save);
        const { revision, ended } = JSON.parse(save.state) as { revision: number; ended?: true };
        done.push(`note ${save.key} ${revision}${ended === true ? ' ended' : ''}`);
      },
    },
    writer: {
      append: async (events: ReturnType<typeof finished>) => {
        done.push(`append ${events.map(({ key }) => key).join()}`);
        return { refused };
      },
    },
    config: {},
  } as unknown as Step;
});

const event = (key: string): Publication => ({
  type: 'basket.inserted',
  key,
  time: '2026-01-01T00:00:00Z',
  dataBytes: Buffer.from('{}'),
});

const pageOf = (key: string) =>
  encodePage(finished([event(key)], { source: `/shop/basket/${key}/1`, revision: 1 }))?.bytes;

const state: StepState = { position: undefined, marks: [], rejections: [] };

/** The lineage of the shards of these tests: `child` follows `empty`, which follows `parent`. */
const parentsOf = (key: string): readonly string[] =>
  ({ child: ['empty'], empty: ['parent'] })[key as 'child' | 'empty'] ?? [];

const shardOf = (loaded: Partial<LoadedState>, key = 'child') => ({
  key,
  parentsOf,
  loaded: { revision: 0, state, ...loaded },
});

const ancestors: readonly Ancestor[] = [
  { key: 'parent', revision: 3, state, page: pageOf('left by parent') },
  { key: 'empty', revision: 0, state },
];

test('a shard that begins appends what its parents have left, before anybody may commit', async () => {
  const settled = await openOutbox(step, '1').settle(shardOf({ ancestors }), signal);
  expect(done).toEqual(['append left by parent']);
  expect(settled).toEqual({ revision: 0, state, ancestors });
});

test('its first commit closes the parents as they were loaded, and those without a state too', () => {
  const { progress } = openOutbox(step, '1').prepare(shardOf({ ancestors }), [event('a')], 1);
  expect(progress.closes.map(({ state: text, ...of }) => ({ ...of, ended: decodeState(text).ended }))).toEqual([
    { shard: 'parent', previous: 3, revision: 4, ended: true },
    { shard: 'empty', previous: 0, revision: 1, ended: true },
  ]);
});

test('a parent that another shard has closed is left as it is: its page is in the log, and its marks may have gone', async () => {
  const closed = ancestors.map((ancestor) => ({ ...ancestor, state: { ...state, ended: true } }));
  const outbox = openOutbox(step, '1');
  await outbox.settle(shardOf({ ancestors: closed }), signal);
  expect(done).toEqual([]);
  expect(outbox.prepare(shardOf({ ancestors: closed }), [event('a')], 1).progress.closes).toEqual([]);
});

test('a shard notes that its parents have ended before its own first changes are appended, and the revision before them', async () => {
  await openOutbox(step, '1').highest.raise('parent', 3, signal);
  const outbox = openOutbox(step, '1');
  const shard = shardOf({ ancestors });
  await outbox.append(shard, outbox.prepare(shard, [event('a')], 1), signal);
  await outbox.append(shard, outbox.prepare(shard, [event('b')], 2), signal);
  expect(done).toEqual([
    'note outbox/parent 3',
    'note outbox/parent 3 ended',
    'note outbox/child 1',
    'append a',
    'note outbox/child 2',
    'append b',
  ]);
});

test('a page that was loaded is appended, and noted again where that was not done', async () => {
  const settled = await openOutbox(step, '1').settle(shardOf({ revision: 2, page: pageOf('left') }), signal);
  expect(done).toEqual(['note outbox/child 2', 'append left']);
  expect(settled).toEqual({ revision: 2, state });
});

test('a slice without changes appends nothing', async () => {
  const outbox = openOutbox(step, '1');
  const shard = shardOf({ revision: 4 });
  const prepared = outbox.prepare(shard, [], 5);
  expect(prepared.progress.page).toBeUndefined();
  await outbox.append(shard, prepared, signal);
  expect(done).toEqual([]);
});

test('a change that the stream takes in no record is an error, and not left out', async () => {
  refused = [{ index: 0, size: 2_000_000, limit: 1_000_000 }];
  const outbox = openOutbox(step, '1');
  const shard = shardOf({ revision: 4 });
  const appended = outbox.append(shard, outbox.prepare(shard, [event('a')], 5), signal);
  await expect(appended).rejects.toThrow('an event of 2000000 bytes is above the 1000000 bytes of a record');
});
