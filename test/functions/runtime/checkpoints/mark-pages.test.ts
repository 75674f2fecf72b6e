import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { commitState, pagedState } from '../../../../functions/runtime/checkpoints/commit-state.ts';
import { moveForeignMarks, NO_FOREIGN_MARKS } from '../../../../functions/runtime/checkpoints/foreign-marks.ts';
import { withForeignMarks } from '../../../../functions/runtime/checkpoints/foreign-pages.ts';
import {
  encodePage,
  openMarkPages,
  pageOfMarks,
  pagesWithRows,
} from '../../../../functions/runtime/checkpoints/mark-pages.ts';
import { noMarks } from '../../../../functions/runtime/checkpoints/marks.ts';
import { loadStored } from '../../../../functions/runtime/checkpoints/shard-states.ts';
import { decodeState, encodeState, type StepState } from '../../../../functions/runtime/checkpoints/step-state.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

const { signal } = new AbortController();
const SHARD_ID = 'shardId-000000000000';
const KEY = `i/${SHARD_ID}`;
const at = { shard: { id: SHARD_ID, parents: [], from: 0n, to: 99n } as never, signal };
const shape = { incarnation: 'i', shards: [] } as never;

function checkpoints() {
  const table = createDynamoDb();
  table.createTable('checkpoints', { partition: 'step', sort: 'key' });
  const dynamodb = { send: table.call } as unknown as DynamoDBClient;
  return openCheckpoints({ dynamodb, table: 'checkpoints', step: 's' });
}

/** A state with the marks of these sources, all of them at a sequence. */
function stateWith(sources: readonly string[], sequence: string): StepState {
  const foreign = moveForeignMarks(NO_FOREIGN_MARKS, new Map());
  for (const source of sources) foreign.take({ source, sequence, range: { from: 0n }, arrivalMillis: 0 });
  return { position: positionOf('1', 0), marks: noMarks(0n, 99n), rejections: [], foreign: foreign.state() };
}

test('pages that an earlier version kept in the checkpoint table are read, and next committed with the rows', async () => {
  const table = checkpoints();
  const markPages = openMarkPages(table);
  const before = stateWith(['a', 'b', 'c'], '7');
  const stored = await commitState({ checkpoints: table, markPages, now: () => 0 }, KEY, {
    from: { revision: 0, state: before },
    to: before,
    signal,
  });
  const rows = new Map<string, string>();
  const states = { load: table.load, loadPages: pagesWithRows(async () => rows, openMarkPages(table).load) };
  const read = (text: string) =>
    withForeignMarks({ revision: 1, state: decodeState(text) }, { states, shape }, at).then(({ state }) => state);
  const upgraded = await read(encodeState(stored.state));
  const { state, pages } = pagedState(upgraded, 1);
  expect(pages).toHaveLength(upgraded.foreign?.versions.size ?? 0);
  for (const page of pages) rows.set(page.page, encodePage(page));
  const again = await read(encodeState(state));
  expect(again.foreign?.changed.size).toBe(0);
  expect(again.foreign?.marks).toEqual(before.foreign?.marks);
  // Restored rows of an older state: the pages are those of the rows.
  rows.clear();
  await expect(read(encodeState(state))).rejects.toThrow('which its state names');
});

test('a page of the checkpoint table has at most eight versions, and a retry of a batch adds none', async () => {
  const table = checkpoints();
  const stored = async (sequences: readonly number[], committed: readonly { page: string; version: string }[]) => {
    const versions = sequences.map((sequence) => pageOfMarks('07', [['s', '0', String(sequence), 0]], 1));
    for (const version of versions) await openMarkPages(table).store(KEY, [version], { of: 1, committed, signal });
    const page = JSON.parse((await table.load(`marks/${KEY}/07`, signal))?.state ?? '[]') as { name: string }[];
    return { versions, names: page.map(({ name }) => name) };
  };
  const { versions } = await stored([1], []);
  expect((await stored([1, 1, 1], versions)).names).toHaveLength(1);
  const many = await stored([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], versions);
  expect(many.names).toHaveLength(8);
  expect(many.names[0]).toBe(versions[0]?.version);
  expect(many.names.at(-1)).toBe(many.versions.at(-1)?.version);
});

test('a sink that dies behind the pages of a slice keeps the pages that fixing the slice has made', async () => {
  const table = checkpoints();
  const markLimits = { stateBytes: 1, runBytes: 300 };
  const step = { markPages: openMarkPages(table), markLimits, now: () => 0 };
  const marks = new Map(['a', 'b', 'c'].map((process) => [`/p/till/process/${process}`, { sequence: '7' }]));
  // Of a shard that has inherited its marks, and has no state yet.
  const inherited: StepState = { position: undefined, marks: [{ from: 0n, to: 99n, marks }], rejections: [] };
  const intent = { to: positionOf('2', 0), options: {} };
  const begun = await commitState({ ...step, checkpoints: table }, KEY, {
    from: { revision: 0, state: inherited },
    to: { ...inherited, intent },
    signal,
  });
  expect(begun.state.runs).not.toEqual([]);
  const dying = { ...table, save: () => Promise.reject(new Error('the process died')) };
  await expect(
    commitState({ ...step, checkpoints: dying }, KEY, {
      from: begun,
      to: { ...inherited, position: positionOf('2', 0) },
      signal,
    }),
  ).rejects.toThrow('the process died');
  const states = { load: table.load, loadPages: openMarkPages(table).load };
  const found = await loadStored(states, KEY, signal);
  expect(found?.state.intent).toEqual(intent);
  expect(found?.state.marks[0]?.older?.size).toBe(3);
});
