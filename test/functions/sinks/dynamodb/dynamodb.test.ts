import { CreateTableCommand, DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dynamoDbDefinition, dynamoDbSink } from '../../../../functions/sinks/dynamodb/dynamodb.ts';
import { type DynamodbServer, startDynamodb } from '../../../../infra/local/servers/dynamodb-server.ts';
import { type Given, logOf, sliceOf } from '../../../contracts/slices.ts';
import { useEndpoint } from '../../../contracts/source-harnesses.ts';
import { noDeadline } from '../../../eventually.ts';

let server: DynamodbServer;
let client: DynamoDBClient;
let closeEnvironment: () => void;
let tables = 0;

beforeAll(async () => {
  server = await startDynamodb();
  closeEnvironment = useEndpoint(server.endpoint);
  client = new DynamoDBClient({ endpoint: server.endpoint });
});
afterAll(async () => {
  client.destroy();
  closeEnvironment();
  await server.stop();
});

/** Opens sinks of a table of its own, each as another process would. */
function freshTable({ create = true, ...more }: { create?: boolean; item?: 'event'; tombstoneDays?: number } = {}) {
  const table = `t${++tables}`;
  const { options } = dynamoDbSink({ table, ...more });
  const open = (step = 'p/step', formerly?: string) =>
    dynamoDbDefinition.open({
      step,
      formerly,
      options: dynamoDbDefinition.options.parse(options),
      resources: { tablePrefix: 'test-', create },
    });
  return {
    table: `test-${table}`,
    open,
    async write(events: readonly Given[], versions?: readonly (bigint | undefined)[], sink = open()) {
      const log = logOf(events);
      const versionOf = versions && (({ id }: { readonly id: string }) => versions[Number(id.slice('event-'.length))]);
      return sink.write(sliceOf({ events: log, ...(versionOf && { versionOf }) }));
    },
    async item(key: string) {
      const command = new GetItemCommand({ TableName: `test-${table}`, Key: { id: { S: key } }, ConsistentRead: true });
      return (await client.send(command)).Item;
    },
  };
}

const of = (n: number, key = 'a', type = 'thing.changed'): Given => ({ data: { n }, key, type });

test('an item is the latest event of its key, and older events and repeats change nothing', async () => {
  const { write, item } = freshTable();
  await write([of(1), of(2), of(3, 'b')], [5n, 6n, 7n]);
  await write([of(1)], [5n]);
  await write([of(9)], [6n]);
  expect(await item('a')).toMatchObject({ n: { N: '2' }, millrace_version: { N: '6' } });
  expect(await item('b')).toMatchObject({ n: { N: '3' } });
  await write([of(4)], [2n ** 62n]);
  await write([of(5)], [2n ** 62n + 1n]);
  expect(await item('a')).toMatchObject({ n: { N: '5' } });
});

test('a field that the latest event no longer has is gone', async () => {
  const { write, item } = freshTable();
  await write([{ data: { n: 1, old: 'x' }, key: 'a' }], [1n]);
  await write([of(2)], [2n]);
  expect(await item('a')).not.toHaveProperty('old');
});

test('a deletion leaves a tombstone, which no older event replaces and a newer one does', async () => {
  const { write, item } = freshTable({ tombstoneDays: 2 });
  await write([of(1), of(0, 'a', 'thing.deleted')], [3n, 4n]);
  await write([of(1)], [3n]);
  const tombstone = await item('a');
  expect(tombstone).toMatchObject({ millrace_deleted: { BOOL: true }, millrace_version: { N: '4' } });
  const days = (Number(tombstone?.millrace_expires?.N) * 1_000 - Date.now()) / 86_400_000;
  expect(Math.round(days)).toBe(2);
  await write([of(7)], [5n]);
  expect(await item('a')).toEqual({ id: { S: 'a' }, n: { N: '7' }, millrace_version: { N: '5' } });
});

test('an event without a version is written where its key is new, and is a dead letter where it is not', async () => {
  const { write, item } = freshTable();
  expect(await write([of(1)], [undefined])).toEqual([]);
  expect(await item('a')).toMatchObject({ n: { N: '1' }, millrace_version: { N: '0' } });
  expect(await write([of(2)], [undefined])).toMatchObject([
    { reason: 'refused', message: expect.stringContaining('its dead letter has no version') },
  ]);
  await write([of(3)], [1n]);
  expect(await item('a')).toMatchObject({ n: { N: '3' } });
});

test('an item that is too large is a dead letter, and the event before it of its key stays', async () => {
  const { write, item } = freshTable();
  const rejections = await write(
    [of(1), { data: { n: 2, text: 'x'.repeat(410_000) }, key: 'a' }, of(3, 'b')],
    [1n, 2n, 3n],
  );
  expect(rejections).toMatchObject([
    { reason: 'refused', message: expect.stringMatching(/^DynamoDB refuses the item: /), event: { id: 'event-1' } },
  ]);
  expect(await item('a')).toMatchObject({ n: { N: '1' } });
  expect(await item('b')).toMatchObject({ n: { N: '3' } });
});

test('a batch of one key is one request', async () => {
  const { write, item, open } = freshTable();
  const sink = open();
  await write([of(0)], [1n], sink);
  const many = Array.from({ length: 1_000 }, (_, n) => of(n));
  await write(
    many,
    many.map((_, n) => BigInt(n + 2)),
    sink,
  );
  expect(await item('a')).toMatchObject({ n: { N: '999' }, millrace_version: { N: '1001' } });
});

test('a table of another step is refused when the sink opens it, and one of a renamed step is not', async () => {
  const { write, open } = freshTable();
  await write([of(1)]);
  await expect(write([of(2)], undefined, open('p/other'))).rejects.toThrow(
    /^the table test-t\d+ belongs to the step p\/step, and the versions of two steps do not compare: give p\/other a table of its own$/,
  );
  expect(await write([of(2)], undefined, open('p/renamed', 'p/step'))).toEqual([]);
});

test.each([
  { what: 'a key of another type', types: { id: 'N' }, text: 'id (HASH, N)' },
  { what: 'a sort key', types: { id: 'S', at: 'S' }, text: 'id (HASH, S), at (RANGE, S)' },
] as const)('a table with $what is refused, and nothing is rejected', async ({ types, text }) => {
  const { write, table } = freshTable({ create: false });
  const names = Object.entries(types);
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: names.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      KeySchema: names.map(([AttributeName], index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
    }),
  );
  await expect(write([of(1)])).rejects.toThrow(
    `has the key ${text}: the sink needs one partition key of type S and no sort key; make such a table`,
  );
});

test('a table that is missing is named, with the command that makes it; and a slice without events needs none', async () => {
  const { write, open } = freshTable({ create: false });
  await expect(write([of(1)])).rejects.toThrow(
    /^the table test-t\d+ is missing: aws dynamodb create-table --table-name test-t/,
  );
  expect(await open().write(sliceOf({ events: [], to: logOf([of(1)])[0]!.position }))).toEqual([]);
});

test('no two processes get one generation, and it survives them', async () => {
  const { open, table, write } = freshTable();
  await write([of(1)]);
  const taken = await Promise.all([open(), open(), open()].map((sink) => sink.generations?.next(0, noDeadline())));
  expect([...taken].sort()).toEqual([1, 2, 3]);
  expect(await open().generations?.next(0, noDeadline())).toBe(4);
  await client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: { id: { S: 'millrace/step' } },
      UpdateExpression: 'SET generation = :most',
      ExpressionAttributeValues: { ':most': { N: '32767' } },
    }),
  );
  await expect(open().generations?.next(0, noDeadline())).rejects.toThrow('has had 32767 generations');
});

test("an event whose key is that of the sink's own item is a dead letter", async () => {
  const { write, item } = freshTable();
  expect(await write([of(1, 'millrace/step')])).toMatchObject([{ reason: 'refused' }]);
  expect(await item('millrace/step')).toMatchObject({ owner: { S: 'p/step' } });
});
