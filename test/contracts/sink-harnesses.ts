import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { Notes, OpenSink, SinkDefinition } from '../../functions/runtime/sink.ts';
import { dynamoDbDefinition, dynamoDbSink } from '../../functions/sinks/dynamodb/dynamodb.ts';
import { postgresDefinition, postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { parquetColumnsOf } from '../../functions/sinks/s3/parquet/columns.ts';
import { parquetDefinition } from '../../functions/sinks/s3/parquet/parquet.ts';
import { s3Definition, s3Sink } from '../../functions/sinks/s3/s3.ts';
import { postByFetch } from '../../functions/sinks/webhook/post.ts';
import { webhookOver, webhookSink } from '../../functions/sinks/webhook/webhook.ts';
import { startDynamodb } from '../../infra/local/servers/dynamodb-server.ts';
import { askParquet } from '../kit/parquet.ts';
import { type PostgresServer, startS3 } from '../kit/servers.ts';
import { startReceiver } from '../kit/webhook-server.ts';
import { startFaultyNetwork } from './faulty-network.ts';
import type { SinkHarness } from './sinks.ts';
import { useEndpoint } from './source-harnesses.ts';

const STEP = 'pipeline/step';

/** Opens a sink as the runtime does: options travel as JSON; options and resources pass the connector's schemas. */
export function openSinkWith<O, R>(
  definition: SinkDefinition<O, R>,
  given: { options: unknown; resources: unknown; notes?: Notes },
): OpenSink {
  return definition.open({
    step: STEP,
    formerly: undefined,
    options: definition.options.parse(JSON.parse(JSON.stringify(given.options))),
    resources: definition.resources.parse(given.resources),
    notes: given.notes,
  });
}

/** How a suite drives the S3 sink with one of its formats. */
interface LakeCase {
  readonly options: unknown;
  open(options: unknown): OpenSink;
  /** Returns the data of an event that no file can hold. */
  bad(n: number): unknown;
  /** Resolves to the numbers in a file, in their order. */
  numbersIn(content: Buffer): Promise<readonly number[]>;
  /** Makes of a file what is the same whenever the file has the same content. */
  comparable(content: Buffer): Promise<unknown>;
}

/** Writes to three partitions, so that a slice makes several objects. */
export const s3Harness: SinkHarness = lakeHarness({
  options: s3Sink({ prefix: 'numbers', compression: 'none', lines: 'data', fields: ['third'] }).options,
  open: (options) => openSinkWith(s3Definition, { options, resources: { bucket: 'lake' } }),
  bad: (n) => ({ n, third: [n] }),
  numbersIn: async (content) =>
    content
      .toString()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line).n),
  comparable: async (content) => content.toString(),
});

const rowsIn = (content: Buffer) => askParquet(new Map([['file', content]]));

export const parquetHarness: SinkHarness = lakeHarness({
  options: s3Sink({ prefix: 'numbers', format: 'parquet', lines: 'data', fields: ['third'] }).options,
  open: (options) =>
    openSinkWith(parquetDefinition, {
      options,
      resources: {
        bucket: 'lake',
        columns: parquetColumnsOf(z.object({ n: z.int32(), third: z.int32() }), { by: 'day', lines: 'data' }),
      },
    }),
  bad: (n) => ({ n: `${n} and more`, third: 1 }),
  numbersIn: async (content) => (await rowsIn(content)).map(({ n }) => n as number),
  comparable: rowsIn,
});

function lakeHarness({ options, open, bad, numbersIn, comparable }: LakeCase): SinkHarness {
  return {
    keepsProgress: false,
    async open() {
      const server = await startS3();
      const network = await startFaultyNetwork(Number(new URL(server.endpoint).port));
      server.createBucket('lake');
      const closeEnvironment = useEndpoint(`http://127.0.0.1:${network.port}`);
      const client = new S3Client({ endpoint: server.endpoint, forcePathStyle: true });
      const objects = async (): Promise<readonly (readonly [string, Buffer])[]> => {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'lake' }));
        return Promise.all(
          Contents.map(async ({ Key = '' }) => {
            const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key }));
            return [Key, Buffer.from((await Body?.transformToByteArray()) ?? [])] as const;
          }),
        );
      };
      return {
        step: STEP,
        sink: () => open(options),
        good: (n) => ({ n, third: n % 3 }),
        bad,
        async landed() {
          const partitions = new Map<string, number[]>();
          for (const [key, content] of await objects()) {
            const partition = key.slice(0, key.lastIndexOf('/'));
            partitions.set(partition, [...(partitions.get(partition) ?? []), ...(await numbersIn(content))]);
          }
          return [...partitions.values()];
        },
        async contents() {
          return Promise.all((await objects()).map(async ([key, content]) => [key, await comparable(content)]));
        },
        cut: (when) => network.cut(when, { text: 'PUT /', nth: 2 }),
        heal: network.heal,
        async close() {
          closeEnvironment();
          client.destroy();
          await network.stop();
          await server.stop();
        },
      };
    },
  };
}

/** Gives each event an item of its own, whose number says where in the log it came. */
export const dynamoDbHarness: SinkHarness = {
  keepsProgress: false,
  async open() {
    const server = await startDynamodb();
    const network = await startFaultyNetwork(Number(new URL(server.endpoint).port));
    const closeEnvironment = useEndpoint(`http://127.0.0.1:${network.port}`);
    const client = new DynamoDBClient({ endpoint: server.endpoint });
    const { options } = dynamoDbSink({ table: 'numbers', item: 'event' });
    const items = async () => {
      const { Items = [] } = await client
        .send(new ScanCommand({ TableName: 'test-numbers', ConsistentRead: true }))
        .catch(() => ({ Items: [] }));
      return Items.filter(({ owner }) => owner === undefined).sort((a, b) => Number(a.n?.N) - Number(b.n?.N));
    };
    return {
      step: STEP,
      sink: () => openSinkWith(dynamoDbDefinition, { options, resources: { tablePrefix: 'test-', create: true } }),
      good: (n) => ({ n }),
      bad: (n) => [n],
      landed: async () => [(await items()).map(({ n }) => Number(n?.N))],
      contents: items,
      cut: (when) => network.cut(when, { text: 'DynamoDB_20120810.PutItem', nth: 2 }),
      heal: network.heal,
      async close() {
        closeEnvironment();
        client.destroy();
        await network.stop();
        await server.stop();
      },
    };
  },
};

/** Gives each test a database of its own, on one server for the whole test file. */
export function postgresHarness(
  given: { readonly key?: 'n'; readonly mode?: 'mirror' },
  server: () => PostgresServer,
): SinkHarness {
  const { key, mode } = given;
  return {
    keepsProgress: true,
    async open() {
      const { host, port, user, password, createDatabase, connect } = server();
      const network = await startFaultyNetwork(port);
      const database = await createDatabase();
      const client = await connect(database);
      await client.query(`CREATE TABLE numbers (n integer ${key === undefined ? '' : 'PRIMARY KEY'}, at date)`);
      const { options } =
        key === undefined
          ? postgresSink({ table: 'numbers' })
          : postgresSink({ table: 'numbers', key: [key], ...(mode && { mode }) });
      const resources = { host, port: network.port, database, user, tls: 'off', auth: { password } };
      const order = key === undefined ? 'ctid' : 'n';
      return {
        step: STEP,
        ...(mode && { type: 'numbers.inserted' }),
        sink: () => openSinkWith(postgresDefinition, { options, resources }),
        good: (n) => ({ n, at: '2026-11-22' }),
        bad: (n) => ({ n, at: 'never' }),
        async landed() {
          const { rows } = await client.query<{ n: number }>(`SELECT n FROM numbers ORDER BY ${order}`);
          return [rows.map(({ n }) => n)];
        },
        async contents() {
          const tables = ['SELECT * FROM numbers ORDER BY n', 'SELECT * FROM millrace_progress ORDER BY step, shard'];
          return Promise.all(tables.map(async (statement) => (await client.query(statement)).rows));
        },
        cut: (when) => network.cut(when, { text: 'UPDATE millrace_progress', nth: 1 }),
        heal: network.heal,
        async close() {
          await client.end();
          await network.stop();
        },
      };
    },
  };
}

/** Posts to a receiver that does as it should: it takes each id once, and refuses what it will never take. */
export function webhookHarness(body: 'event' | 'data'): SinkHarness {
  return {
    keepsProgress: false,
    isBlind: true,
    async open() {
      const taken = new Map<string, number>();
      const receiver = await startReceiver(({ headers, text }) => {
        const parsed = JSON.parse(text) as { readonly data: { n: number; bad?: true } } & { n: number; bad?: true };
        const { n, bad } = body === 'event' ? parsed.data : parsed;
        if (bad) return { status: 422, body: 'this is bad' };
        const id = String(headers['webhook-id']);
        if (!taken.has(id)) taken.set(id, n);
        return { status: 204 };
      });
      const network = await startFaultyNetwork(receiver.port);
      const { options } = webhookSink({ url: `http://127.0.0.1:${network.port}/numbers`, body });
      // The suite restores the connection only once the sink has given up.
      const definition = webhookOver({ post: postByFetch, sleep: async (_millis, signal) => signal.throwIfAborted() });
      const laptop = { receiver: 'http://127.0.0.1:1', key: 'whsec_a2V5IG9mIHRoaXMgbGFwdG9w' };
      return {
        step: STEP,
        sink: () => openSinkWith(definition, { options, resources: { laptop } }),
        good: (n) => ({ n }),
        bad: (n) => ({ n, bad: true }),
        landed: async () => [[...taken.values()]],
        contents: async () => [...taken],
        cut: (when) => network.cut(when, { text: 'POST /numbers', nth: 2 }),
        heal: network.heal,
        async close() {
          await network.stop();
          await receiver.stop();
        },
      };
    },
  };
}
