import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Checkpoints, openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import {
  jsonNote,
  loadNote,
  saveNote,
  textNote,
  trySaveNote,
  updateNote,
} from '../../../../functions/runtime/checkpoints/note.ts';
import { StaleCheckpoint } from '../../../../functions/runtime/errors.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

const signal = new AbortController().signal;
const note = jsonNote('n', z.object({ count: z.number() }));

describe('a note among the checkpoints of a step', () => {
  let checkpoints: Checkpoints;
  let formerCheckpoints: Checkpoints;
  beforeEach(() => {
    const table = createDynamoDb();
    table.createTable('checkpoints', { partition: 'step', sort: 'key' });
    const dynamodb = { send: table.call } as unknown as DynamoDBClient;
    formerCheckpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'p/former' });
    checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'p/s', formerly: 'p/former' });
  });

  const save = (previous: number, count: number) => saveNote(checkpoints, note, { previous, value: { count }, signal });
  const increment = (known?: { revision: number; value: { count: number } }) =>
    updateNote(checkpoints, note, { change: (value) => ({ count: (value?.count ?? 0) + 1 }), known, signal });

  test('is undefined at revision 0 before it is saved', async () => {
    expect(await loadNote(checkpoints, note, signal)).toEqual({ revision: 0, value: undefined });
  });

  test('is loaded as it was saved, at the next revision', async () => {
    expect(await save(0, 7)).toEqual({ revision: 1, value: { count: 7 } });
    expect(await loadNote(checkpoints, note, signal)).toEqual({ revision: 1, value: { count: 7 } });
    expect(await checkpoints.load('n', signal)).toEqual({ revision: 1, state: '{"count":7}' });
  });

  test('is loaded from the former name of its step at revision 0, and saved under the present one', async () => {
    await saveNote(formerCheckpoints, note, { previous: 0, value: { count: 3 }, signal });
    expect(await loadNote(checkpoints, note, signal)).toEqual({ revision: 0, value: { count: 3 } });
    expect(await increment()).toEqual({ revision: 1, value: { count: 4 } });
    expect(await loadNote(formerCheckpoints, note, signal)).toEqual({ revision: 1, value: { count: 3 } });
  });

  test('is not loaded when its text does not fit the schema', async () => {
    await checkpoints.save({ key: 'n', previous: 0, revision: 1, state: '{"count":"many"}', signal });
    await expect(loadNote(checkpoints, note, signal)).rejects.toThrow(z.ZodError);
  });

  test('is not written by a save that has loaded an older revision', async () => {
    await save(0, 1);
    await save(1, 2);
    await expect(save(1, 9)).rejects.toThrow(StaleCheckpoint);
    expect(await trySaveNote(checkpoints, note, { previous: 1, value: { count: 9 }, signal })).toBeUndefined();
    expect(await loadNote(checkpoints, note, signal)).toEqual({ revision: 2, value: { count: 2 } });
  });

  test('fails to save with the error of the table when that is not a stale revision', async () => {
    const broken = { ...checkpoints, save: () => Promise.reject(new Error('throttled')) };
    const to = { previous: 0, value: { count: 1 }, signal };
    await expect(trySaveNote(broken, note, to)).rejects.toThrow('throttled');
    await expect(updateNote(broken, note, { change: () => ({ count: 1 }), signal })).rejects.toThrow('throttled');
  });

  test('gets every change of several processes that update it at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => increment()));
    expect(await loadNote(checkpoints, note, signal)).toEqual({ revision: 8, value: { count: 8 } });
  });

  test('is loaded again when the revision that an update knew of is no longer stored', async () => {
    const known = await save(0, 1);
    await save(1, 5);
    expect(await increment(known)).toEqual({ revision: 3, value: { count: 6 } });
  });

  test('is left as it is by an update that changes nothing', async () => {
    await save(0, 1);
    const unchanged = await updateNote(checkpoints, note, { change: () => undefined, signal });
    expect(unchanged).toEqual({ revision: 1, value: { count: 1 } });
    expect(await loadNote(checkpoints, note, signal)).toEqual(unchanged);
  });

  test('of plain text is stored as that text', async () => {
    await saveNote(checkpoints, textNote('t'), { previous: 0, value: 'bucket/key', signal });
    expect(await checkpoints.load('t', signal)).toEqual({ revision: 1, state: 'bucket/key' });
    expect((await loadNote(checkpoints, textNote('t'), signal)).value).toBe('bucket/key');
  });
});
