import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoints, openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { positionOf } from '../../../../functions/runtime/position.ts';
import { closeAcknowledged, noteAcknowledged } from '../../../../functions/runtime/rewind/acknowledged.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

const signal = new AbortController().signal;
const at = (record: number) => positionOf(String(record), 0);

describe('the end of the batches that are acknowledged unprocessed while a shard is rewound', () => {
  let checkpoints: Checkpoints;
  let client: DynamoDBClient;
  beforeAll(() => {
    const table = createDynamoDb();
    table.createTable('checkpoints', { partition: 'step', sort: 'key' });
    client = { send: table.call } as unknown as DynamoDBClient;
    checkpoints = openCheckpoints({ dynamodb: client, table: 'checkpoints', step: 'p/s' });
  });

  const note = (key: string, rewind: number, record: number) =>
    noteAcknowledged(checkpoints, { key, rewind, end: at(record), signal });
  const close = (key: string, rewind: number) => closeAcknowledged(checkpoints, { key, rewind, signal });

  test('never goes back, and cannot be moved once the note is closed', async () => {
    expect(await note('a', 1, 5)).toBe(true);
    expect(await note('a', 1, 3)).toBe(true);
    expect(await close('a', 1)).toBe(at(5));
    expect(await note('a', 1, 6)).toBe(false);
    expect(await close('a', 1)).toBe(at(5));
  });

  test('can be moved again in the next rewind, and keeps the end of the one before', async () => {
    await note('b', 1, 5);
    await close('b', 1);
    expect(await note('b', 2, 4)).toBe(true);
    expect(await close('b', 2)).toBe(at(5));
  });

  test('can be moved by a twin that knows only an older rewind, until the newer one closes the note', async () => {
    await note('c', 2, 5);
    expect(await note('c', 1, 7)).toBe(true);
    expect(await close('c', 2)).toBe(at(7));
    expect(await note('c', 1, 9)).toBe(false);
  });

  test('is right when several invocations move it at the same time', async () => {
    expect(await Promise.all([1, 2, 3, 4, 5].map((record) => note('d', 1, record)))).toEqual(Array(5).fill(true));
    expect(await close('d', 1)).toBe(at(5));
  });
});
