import { CreateTableCommand, DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CHECKPOINT_TABLE_KEY,
  type Checkpoints,
  openCheckpoints,
} from '../../functions/runtime/checkpoints/checkpoints.ts';
import { type DynamodbServer, startDynamodb } from '../../infra/local/servers/dynamodb-server.ts';
import { createDynamoDb } from '../kit/dynamodb.ts';
import type { AwsCommand } from '../kit/service.ts';

const never = new AbortController().signal;

describe("the kit's DynamoDB", () => {
  let server: DynamodbServer;
  let client: DynamoDBClient;
  beforeAll(async () => {
    server = await startDynamodb();
    client = new DynamoDBClient({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      requestHandler: new NodeHttpHandler(),
      maxAttempts: 1,
    });
    const { partition, sort } = CHECKPOINT_TABLE_KEY;
    await client.send(
      new CreateTableCommand({
        TableName: 'checkpoints',
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
    client.destroy();
    await server.stop();
  });

  /** Sends a command to both servers, and compares their answers. */
  function both(): { send(command: object): Promise<object> } {
    const model = createDynamoDb();
    model.createTable('checkpoints', CHECKPOINT_TABLE_KEY);
    return {
      async send(command) {
        const [real, kit] = await Promise.all([
          outcomeOf(client.send(command as never)),
          outcomeOf(model.call(command as AwsCommand)),
        ]);
        expect(kit, `${command.constructor.name} ${JSON.stringify((command as AwsCommand).input)}`).toEqual(real);
        if ('failed' in real) throw Object.assign(new Error(real.message), { name: real.failed });
        return real.answer;
      },
    };
  }

  test('answers every call that checkpoints make as dynalite does', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 40 }), async (operations) => {
        const dynamodb = both() as unknown as DynamoDBClient;
        const step = `p/run-${++runs}`;
        const named = { now: openCheckpoints({ dynamodb, table: 'checkpoints', step }) };
        for (const run of operations) await run(named.now).catch(refuseDefects);
      }),
      { numRuns: 30 },
    );
  });

  const item = { TableName: 'checkpoints', Key: { step: { S: 'p/s' }, key: { S: 'k' } } };
  test.each([
    ['a table that is not there', new GetItemCommand({ ...item, TableName: 'none', ConsistentRead: true })],
    ['a key without its sort part', new GetItemCommand({ ...item, Key: { step: { S: 'p' } }, ConsistentRead: true })],
    [
      'an item above 400 KB',
      new UpdateItemCommand({
        ...item,
        UpdateExpression: 'SET big = :big',
        ExpressionAttributeValues: { ':big': { S: 'x'.repeat(410_000) } },
      }),
    ],
    [
      'a value that no expression uses',
      new UpdateItemCommand({
        ...item,
        UpdateExpression: 'SET big = :big',
        ExpressionAttributeValues: { ':big': { S: 'x' }, ':small': { S: 'y' } },
      }),
    ],
  ])('refuses %s as dynalite does', async (_, command) => {
    await expect(both().send(command)).rejects.toThrow();
  });

  test('throws for an operation or expression that it does not support', async () => {
    const model = createDynamoDb();
    model.createTable('checkpoints', CHECKPOINT_TABLE_KEY);
    await expect(model.call({ input: {} })).rejects.toThrow("the kit's DynamoDB does not have");
    await expect(model.call(new UpdateItemCommand({ ...item, UpdateExpression: 'ADD visits :one' }))).rejects.toThrow(
      "does not know the update 'ADD visits :one'",
    );
    await expect(model.call(new GetItemCommand(item))).rejects.toThrow('set ConsistentRead');
  });
});

type Operation = (checkpoints: Checkpoints) => Promise<unknown>;

const key = fc.constantFrom('shard 0', 'shard 1');
const owner = fc.constantFrom('one', 'two');
const millis = fc.nat({ max: 3 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  key.map(
    (at): Operation =>
      (checkpoints) =>
        checkpoints.load(at, never),
  ),
  fc.record({ key, previous: fc.nat({ max: 3 }), state: fc.string() }).map(
    (save): Operation =>
      (checkpoints) =>
        checkpoints.save({ ...save, revision: save.previous + 1, signal: never }),
  ),
  fc.record({ key, owner, nowMillis: millis, untilMillis: millis }).map(
    (lease): Operation =>
      (checkpoints) =>
        checkpoints.lease({ ...lease, signal: never }),
  ),
  fc.record({ key, owner }).map(
    (lease): Operation =>
      (checkpoints) =>
        checkpoints.release(lease),
  ),
);

type Outcome = { readonly answer: object } | { readonly failed: string; readonly message: string };

async function outcomeOf(sent: Promise<object>): Promise<Outcome> {
  try {
    const { $metadata: _, ...answer } = (await sent) as { $metadata?: unknown };
    return { answer };
  } catch (error) {
    const { name, message } = error as Error;
    return { failed: name, message };
  }
}

/** Throws any error but `StaleCheckpoint`: some of the generated updates expect an outdated revision. */
function refuseDefects(error: Error): void {
  if (error.name !== 'StaleCheckpoint') throw error;
}
