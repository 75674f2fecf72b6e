import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CHECKPOINT_TABLE_KEY,
  type Checkpoints,
  openCheckpoints,
} from '../../../../functions/runtime/checkpoints/checkpoints.ts';
import { NEVER } from '../log/log-kit.ts';

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;
const table = 'checkpoints';
let server: Server;
let endpoint: string;
let dynamodb: DynamoDBClient;

beforeAll(async () => {
  server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  dynamodb = clientOf(endpoint);
  const { partition, sort } = CHECKPOINT_TABLE_KEY;
  await dynamodb.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [partition, sort].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: partition, KeyType: 'HASH' },
        { AttributeName: sort, KeyType: 'RANGE' },
      ],
    }),
  );
});

afterAll(async () => {
  dynamodb.destroy();
  await new Promise((resolve) => server.close(resolve));
});

function clientOf(url: string): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 3,
  });
}

let steps = 0;
function checkpoints(client: Pick<DynamoDBClient, 'send'> = dynamodb, step = `orders/step-${++steps}`): Checkpoints {
  return openCheckpoints({ dynamodb: client, table, step });
}

const KEY = 'a1b2c3d4e5f6/shardId-000000000000';
const move = (previous: number, state: string) => ({
  key: KEY,
  previous,
  revision: previous + 1,
  state,
  signal: NEVER,
});

test('a checkpoint is loaded as it was saved, by step and key', async () => {
  const [one, other] = [checkpoints(), checkpoints()];
  expect(await one.load(KEY, NEVER)).toBeUndefined();
  await one.save(move(0, 'first'));
  await one.save(move(1, 'second'));
  expect(await one.load(KEY, NEVER)).toEqual({ revision: 2, state: 'second' });
  expect(await other.load(KEY, NEVER)).toBeUndefined();
  expect(await one.load('another', NEVER)).toBeUndefined();
});

test.each([
  ['from a revision that is no longer there', 1],
  ['from one that is not there yet', 3],
  ['as if there were none', 0],
])('a move %s is stale and changes nothing', async (_, previous) => {
  const store = checkpoints();
  await store.save(move(0, 'first'));
  await store.save(move(1, 'second'));
  await expect(store.save(move(previous, 'stale'))).rejects.toMatchObject({
    name: 'StaleCheckpoint',
    message: expect.stringContaining(KEY),
  });
  expect(await store.load(KEY, NEVER)).toEqual({ revision: 2, state: 'second' });
});

test('a move that expects an item is stale where there is none', async () => {
  await expect(checkpoints().save(move(4, 'x'))).rejects.toMatchObject({ name: 'StaleCheckpoint' });
});

test('one of many invocations that move from the same revision succeeds', async () => {
  const store = checkpoints();
  const moves = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => store.save(move(0, `from ${n}`))));
  const winners = moves.flatMap(({ status }, n) => (status === 'fulfilled' ? [`from ${n}`] : []));
  expect(winners.length).toBe(1);
  expect(await store.load(KEY, NEVER)).toEqual({ revision: 1, state: winners[0] });
});

/** Passes requests on. From the n-th one, it closes the connection instead of sending the reply, `losses` times. */
async function losingReplies(losses: number, meanwhile: () => Promise<void> = async () => undefined) {
  let left = losses;
  const proxy = createServer((request, response) => {
    const pass = async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const headers = Object.fromEntries(
        Object.entries(request.headers).filter(([name]) => name !== 'host' && name !== 'connection'),
      );
      const reply = await fetch(endpoint, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body: Buffer.concat(chunks),
      });
      const body = Buffer.from(await reply.arrayBuffer());
      if (String(request.headers['x-amz-target']).endsWith('UpdateItem') && left-- > 0) {
        await meanwhile();
        request.socket.destroy();
        return;
      }
      response.writeHead(reply.status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
    };
    pass().catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const client = clientOf(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  return {
    client,
    async [Symbol.asyncDispose]() {
      client.destroy();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

test('a move whose reply was lost recognises itself and succeeds', async () => {
  await using lossy = await losingReplies(1);
  const store = checkpoints(lossy.client);
  await store.save(move(0, 'first'));
  expect(await store.load(KEY, NEVER)).toEqual({ revision: 1, state: 'first' });
});

test('a move by another process to the same revision and state makes this one stale', async () => {
  const step = `orders/step-${++steps}`;
  await checkpoints(dynamodb, step).save(move(0, 'first'));
  await expect(checkpoints(dynamodb, step).save(move(0, 'first'))).rejects.toMatchObject({ name: 'StaleCheckpoint' });
});

test('a move whose reply was lost is stale when another process has moved on since', async () => {
  const step = `orders/step-${++steps}`;
  await using lossy = await losingReplies(1, () => checkpoints(dynamodb, step).save(move(1, 'second')));
  await expect(checkpoints(lossy.client, step).save(move(0, 'first'))).rejects.toMatchObject({
    name: 'StaleCheckpoint',
  });
});

test('a load is a consistent read', async () => {
  const inputs: object[] = [];
  const send = ((command: { input: object }, options: never) => {
    inputs.push(command.input);
    return dynamodb.send(command as never, options);
  }) as DynamoDBClient['send'];
  await checkpoints({ send }).load(KEY, NEVER);
  expect(inputs).toEqual([expect.objectContaining({ ConsistentRead: true })]);
});

test('a call rejects when its signal aborts', async () => {
  await expect(checkpoints().save({ ...move(0, 'x'), signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
  await expect(checkpoints().load(KEY, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
});

test('one owner has the lease until it ends or is released', async () => {
  const store = checkpoints();
  const lease = (owner: string, nowMillis: number) =>
    store.lease({ key: KEY, owner, nowMillis, untilMillis: nowMillis + 100, signal: NEVER });
  expect(await lease('run 1', 1_000)).toBe(true);
  expect(await lease('run 2', 1_099)).toBe(false);
  expect(await lease('run 1', 1_050)).toBe(true);
  expect(await lease('run 2', 1_149)).toBe(false);
  expect(await lease('run 2', 1_150)).toBe(true);
  await store.release({ key: KEY, owner: 'run 1' });
  expect(await lease('run 3', 1_200)).toBe(false);
  await store.release({ key: KEY, owner: 'run 2' });
  expect(await lease('run 3', 1_200)).toBe(true);
});

test('a lease does not change the checkpoint, nor the checkpoint a lease', async () => {
  const store = checkpoints();
  await store.lease({ key: KEY, owner: 'run 1', nowMillis: 0, untilMillis: 100, signal: NEVER });
  expect(await store.load(KEY, NEVER)).toBeUndefined();
  await store.save(move(0, 'first'));
  expect(await store.lease({ key: KEY, owner: 'run 2', nowMillis: 50, untilMillis: 100, signal: NEVER })).toBe(false);
  await store.release({ key: KEY, owner: 'run 1' });
  expect(await store.load(KEY, NEVER)).toEqual({ revision: 1, state: 'first' });
  await store.release({ key: 'never leased', owner: 'run 1' });
  expect(await store.load('never leased', NEVER)).toBeUndefined();
});

test('a write is small, and the item does not grow with the number of writes', async () => {
  const step = 'sensors/readings';
  const sent: string[] = [];
  const watching: Pick<DynamoDBClient, 'send'> = {
    send: ((command: { input: object }, options: never) => {
      sent.push(JSON.stringify(command.input));
      return dynamodb.send(command as never, options);
    }) as DynamoDBClient['send'],
  };
  const store = checkpoints(watching, step);
  const state = 'x'.repeat(200);
  for (let revision = 0; revision < 200; revision++) await store.save(move(revision, state));
  // One write for each batch, and no read.
  expect(sent.length).toBe(200);
  expect(Math.max(...sent.map((input) => input.length)) - state.length).toBeLessThan(500);
  const { Item } = await dynamodb.send(
    new GetItemCommand({ TableName: table, Key: { step: { S: step }, key: { S: KEY } } }),
  );
  const size = Object.entries(Item ?? {}).reduce(
    (sum, [name, value]) => sum + name.length + (value.S ?? value.N ?? '').length,
    0,
  );
  expect(size - state.length).toBeLessThan(110);
  const { Count } = await dynamodb.send(
    new ScanCommand({
      TableName: table,
      FilterExpression: 'step = :step',
      ExpressionAttributeValues: { ':step': { S: step } },
    }),
  );
  expect(Count).toBe(1);
});
