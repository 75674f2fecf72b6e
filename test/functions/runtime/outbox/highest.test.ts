import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { type Checkpoints, openCheckpoints } from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { hasEnded, openHighest } from '../../../../functions/runtime/outbox/highest.ts';
import { createDynamoDb } from '../../../kit/dynamodb.ts';

const { signal } = new AbortController();

let checkpoints: Checkpoints;
let renamed: Checkpoints;
beforeEach(() => {
  const table = createDynamoDb();
  table.createTable('checkpoints', { partition: 'step', sort: 'key' });
  const dynamodb = { send: table.call } as unknown as DynamoDBClient;
  checkpoints = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'shop/basket' });
  renamed = openCheckpoints({ dynamodb, table: 'checkpoints', step: 'shop/carts', formerly: 'shop/basket' });
});

const at = (revision: number) => async () => ({ revision });

test('a database that shows a lower revision than was published is refused, and a higher one is not', async () => {
  await openHighest(checkpoints, 'shop/basket').raise('s', 5, signal);
  const highest = openHighest(checkpoints, 'shop/basket');
  await expect(highest.compared('s', at(4), signal)).rejects.toThrow(
    'the database of shop/basket was restored to an earlier state, or has lost its last commits: in s it is at revision 4, and changes of revision 5 are in the change stream',
  );
  await expect(highest.compared('s', async () => undefined, signal)).rejects.toThrow('at revision 0');
  expect(await highest.compared('s', at(5), signal)).toEqual({ revision: 5 });
  expect(await highest.compared('s', at(6), signal)).toEqual({ revision: 6 });
  expect(await highest.compared('other', at(1), signal)).toEqual({ revision: 1 });
});

test('the note is read before the database: a commit in between is no loss', async () => {
  const highest = openHighest(checkpoints, 'shop/basket');
  const loaded = await highest.compared(
    's',
    async () => {
      await openHighest(checkpoints, 'shop/basket').raise('s', 2, signal);
      return { revision: 1 };
    },
    signal,
  );
  expect(loaded).toEqual({ revision: 1 });
});

test('a lower revision of a twin does not lower the note, and a renamed step counts anew', async () => {
  const highest = openHighest(checkpoints, 'shop/basket');
  await highest.raise('s', 5, signal);
  await openHighest(checkpoints, 'shop/basket').raise('s', 3, signal);
  await expect(highest.compared('s', at(4), signal)).rejects.toThrow('revision 5');
  const carts = openHighest(renamed, 'shop/carts');
  expect(await carts.compared('s', at(0), signal)).toEqual({ revision: 0 });
  await carts.raise('s', 1, signal);
  await expect(openHighest(renamed, 'shop/carts').compared('s', at(0), signal)).rejects.toThrow('revision 1');
});

test('a shard that has published ends once, and one that has not says so', async () => {
  const highest = openHighest(checkpoints, 'shop/basket');
  await highest.raise('s', 5, signal);
  expect(await hasEnded(checkpoints, 's', signal)).toBe(false);
  expect(await highest.end('s', signal)).toBe(true);
  expect(await highest.end('empty', signal)).toBe(false);
  expect(await hasEnded(checkpoints, 's', signal)).toBe(true);
  expect(await hasEnded(checkpoints, 'empty', signal)).toBe(false);
  await expect(openHighest(checkpoints, 'shop/basket').compared('s', at(4), signal)).rejects.toThrow('revision 5');
});
