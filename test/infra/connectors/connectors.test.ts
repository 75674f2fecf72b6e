import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { dynamoDbDefinition, dynamoDbSink } from '../../../functions/sinks/dynamodb/dynamodb.ts';
import { icebergDefinition, icebergSink } from '../../../functions/sinks/iceberg/iceberg.ts';
import { openSearchDefinition, openSearchSink } from '../../../functions/sinks/opensearch/opensearch.ts';
import { postgresDefinition, postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { parquetDefinition } from '../../../functions/sinks/s3/parquet/parquet.ts';
import { s3Definition, s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { slackSink, webhookDefinition, webhookSink } from '../../../functions/sinks/webhook/webhook.ts';
import { generatorDefinition, generatorSource } from '../../../functions/sources/generator/generator.ts';
import { httpDefinition, httpSource } from '../../../functions/sources/http/http.ts';
import { mqttDefinition, mqttSource } from '../../../functions/sources/mqtt/mqtt.ts';
import {
  postgresChangesDefinition,
  postgresChangesSource,
} from '../../../functions/sources/postgres-changes/postgres-changes.ts';
import {
  postgresQueryDefinition,
  postgresQuerySource,
} from '../../../functions/sources/postgres-query/postgres-query.ts';
import { s3FilesDefinition, s3FilesSource } from '../../../functions/sources/s3-files/s3-files.ts';
import { type ConnectorName, connectors } from '../../../infra/connectors.ts';
import type { AwsDatabase, AwsResources, ConnectorStep, LaptopResources } from '../../../infra/needs.ts';

const Row = z.object({ id: z.string(), total: z.number() });

interface Case {
  /** The options, as a pipeline has them. */
  readonly options: unknown;
  readonly definition: { readonly options: z.ZodType; readonly resources: z.ZodType };
}

const DOMAIN = 'arn:aws:es:eu-west-1:123456789012:domain/rows';
const COLLECTION = 'arn:aws:aoss:eu-west-1:123456789012:collection/abc123';

/** Every connector, with each choice of its options that changes what it needs. */
const CASES: Readonly<Record<ConnectorName, readonly Case[]>> = {
  http: (['iam', 'bearer'] as const).map((callers) => ({
    options: httpSource({ schema: Row, type: 'row.sent', key: 'id', callers }).options,
    definition: httpDefinition,
  })),
  's3-files': [undefined, 'rows/'].map((prefix) => ({
    options: s3FilesSource({ schema: Row, format: 'csv', type: 'row.read', key: 'id', ...(prefix && { prefix }) })
      .options,
    definition: s3FilesDefinition,
  })),
  generator: [
    {
      options: generatorSource({ schema: Row, type: 'row.made', key: 'id', perSecond: 10 }).options,
      definition: generatorDefinition,
    },
  ],
  mqtt: [undefined, 'collector'].map((username) => ({
    options: mqttSource({
      broker: 'mqtts://broker.example.com:8883',
      topic: 'rows/+',
      schema: Row,
      type: 'row.sent',
      key: 'topic(2)',
      ...(username && { username }),
    }).options,
    definition: mqttDefinition,
  })),
  'postgres-query': [
    {
      options: postgresQuerySource({ table: 'rows', schema: Row, type: 'row.changed', key: 'id' }).options,
      definition: postgresQueryDefinition,
    },
  ],
  'postgres-changes': [
    {
      options: postgresChangesSource({ tables: ['rows'] }).options,
      definition: postgresChangesDefinition,
    },
  ],
  s3: [
    { options: s3Sink({ prefix: 'rows', by: 'month' }).options, definition: s3Definition },
    { options: s3Sink({ prefix: 'rows', format: 'parquet' }).options, definition: parquetDefinition },
  ],
  postgres: [true, false].map((create) => ({
    options: postgresSink({ table: 'rows', key: ['id'], create }).options,
    definition: postgresDefinition,
  })),
  iceberg: [
    icebergSink({ table: 'rows', by: 'day' }),
    icebergSink({ namespace: 'sales', table: 'rows', location: 's3://analytics/rows' }),
    icebergSink({ table: 'rows', catalog: 's3tables', tableBucket: 'analytics', lines: 'data' }),
  ].map(({ options }) => ({ options, definition: icebergDefinition })),
  dynamodb: [{ options: dynamoDbSink({ table: 'rows' }).options, definition: dynamoDbDefinition }],
  opensearch: ([undefined, DOMAIN, COLLECTION] as const).map((arn) => ({
    options: openSearchSink({ endpoint: 'https://search.example.com', index: 'rows', ...(arn && { arn }) }).options,
    definition: openSearchDefinition,
  })),
  webhook: [
    webhookSink({ url: 'https://example.com/rows', body: 'data' }),
    webhookSink(),
    webhookSink({ signed: false }),
    slackSink({ message: 'Row {key}' }),
  ].map(({ options }) => ({ options, definition: webhookDefinition })),
};

const NETWORK = { subnetIds: ['subnet-1', 'subnet-2'], securityGroupIds: ['sg-1'] };
const DATABASE: AwsDatabase = {
  host: 'db.example.com',
  port: 5_432,
  name: 'millrace',
  user: 'millrace_sinks',
  authentication: { userArn: 'arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-ABC/millrace_sinks' },
  reader: undefined,
  network: NETWORK,
};
const AWS = awsWith(DATABASE);
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:sinks';
const GIVEN_DATABASE: AwsDatabase = { ...DATABASE, authentication: { secret: SECRET }, network: undefined };
const GIVEN = awsWith(GIVEN_DATABASE);
const HERE = awsWith({ ...GIVEN_DATABASE, host: '127.0.0.1', tls: 'off' });
const LAPTOP: LaptopResources = {
  landing: 'landing',
  lake: 'lake',
  database: { host: '127.0.0.1', port: 50_000, name: 'millrace', user: 'millrace', password: 'millrace' },
  tablePrefix: 'millrace-dev-',
  webhooks: 'http://127.0.0.1:50001',
  iceberg: { stage: 'local', endpoint: 'http://127.0.0.1:50002' },
  search: 'http://127.0.0.1:50002',
};

function awsWith(database: AwsDatabase, key?: string): AwsResources {
  return {
    landing: { name: 'landing', arn: 'arn:aws:s3:::landing' },
    lake: { name: 'lake', arn: 'arn:aws:s3:::lake' },
    database: (name) => (name === undefined ? database : { ...database, host: `${name}.example.com` }),
    account: {
      stage: 'dev',
      id: '123456789012',
      region: 'eu-west-1',
      arnOf: (service, resource) => `arn:aws:${service}:eu-west-1:123456789012:${resource}`,
      bucketArnOf: (bucket) => `arn:aws:s3:::${bucket}`,
    },
    tables: {
      prefix: 'millrace-dev-',
      arnOf: (name) => `arn:aws:dynamodb:eu-west-1:123456789012:table/millrace-dev-${name}`,
    },
    secret: (purpose) => ({ secret: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${purpose}`, key }),
  };
}

const all = Object.entries(CASES).flatMap(([name, cases]) =>
  cases.map(({ options, definition }) => ({
    name: name as ConnectorName,
    step: { pipeline: 'p', name: 's', options, schema: Row } satisfies ConnectorStep,
    definition,
  })),
);

test('an http source with callers: bearer opens on a laptop, and takes requests with the token laptop', async () => {
  const { options } = httpSource({ schema: Row, type: 'row.sent', key: 'id', callers: 'bearer' });
  const resources = connectors.http.onLaptop({ pipeline: 'p', name: 's', options, schema: Row }, LAPTOP);
  const source = httpDefinition.open({
    step: 'p/s',
    pipelines: [],
    options: httpDefinition.options.parse(options),
    resources: httpDefinition.resources.parse(resources),
  });
  const request = (token: string) => ({
    requestContext: { http: { method: 'POST' }, timeEpoch: 1_700_000_000_000 },
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: '{"id":"a","total":1}',
    isBase64Encoded: false,
  });
  const acceptedWith = async (token: string) =>
    (await source.receive(request(token), new AbortController().signal)).events.length;
  expect([await acceptedWith('laptop'), await acceptedWith('other')]).toEqual([1, 0]);
});

/** The stage's own database, and the same with a password for a connector that no database takes by IAM. */
const ownDatabase = (name: ConnectorName): AwsResources =>
  name === 'postgres-changes' ? awsWith({ ...DATABASE, authentication: { secret: SECRET } }) : AWS;

describe.each(all)('$name with $step.options', ({ name, step, definition }) => {
  test('accepts its own options', () => {
    expect(definition.options.safeParse(step.options).error).toBeUndefined();
  });

  test('gets the resources it requires on a laptop', () => {
    expect(definition.resources.safeParse(connectors[name].onLaptop(step, LAPTOP)).error).toBeUndefined();
  });

  test.each([
    { resources: ownDatabase(name), database: "the stage's own database" },
    { resources: GIVEN, database: 'a database that exists' },
    { resources: HERE, database: 'a database on this machine, which an emulator calls' },
  ])('gets the resources it requires on AWS, with $database', ({ resources: aws }) => {
    const { resources } = connectors[name].onAws(step, aws);
    expect(definition.resources.safeParse(resources).error).toBeUndefined();
    expect(JSON.parse(JSON.stringify(resources))).toEqual(resources);
  });

  test('gets no secret in its environment, only the ARN', () => {
    for (const { resources } of [
      connectors[name].onAws(step, ownDatabase(name)),
      connectors[name].onAws(step, GIVEN),
    ]) {
      expect(JSON.stringify(resources)).not.toContain('"password"');
    }
  });

  test('explains each grant', () => {
    for (const { why, actions, resources } of connectors[name].onAws(step, GIVEN).statements) {
      expect(why).toMatch(/^[a-z][a-z ]+$/);
      expect(actions.length * resources.length).toBeGreaterThan(0);
    }
  });
});

describe('a connector says', () => {
  test("that its function runs in the database's network, when it calls the database", () => {
    const calling = all.filter(
      ({ name, step }) => connectors[name].onAws(step, ownDatabase(name)).network !== undefined,
    );
    expect(new Set(calling.map(({ name }) => name))).toEqual(
      new Set(['postgres', 'postgres-changes', 'postgres-query']),
    );
    const { step } = all.find(({ name }) => name === 'postgres')!;
    expect(connectors.postgres.onAws(step, AWS).network).toEqual(NETWORK);
    expect(connectors.postgres.onAws(step, GIVEN).network).toBeUndefined();
  });

  test('that it takes no login by IAM, when it reads the log of a database', () => {
    const { step } = all.find(({ name }) => name === 'postgres-changes')!;
    expect(() => connectors['postgres-changes'].onAws(step, AWS)).toThrow(
      "'p/s' reads the log of the stage's own database, whose user logs in by iam",
    );
  });

  test('which database it calls, when the pipeline names another one', () => {
    const hostOf = (options: { table: string; database?: string }) => {
      const step = { pipeline: 'p', name: 's', options: postgresSink(options).options, schema: Row };
      return (connectors.postgres.onAws(step, AWS).resources as { host: string }).host;
    };
    expect(hostOf({ table: 't' })).toBe('db.example.com');
    expect(hostOf({ table: 't', database: 'warehouse' })).toBe('warehouse.example.com');
  });

  test('that it calls the database without TLS only when the database is on this machine', () => {
    const { step } = all.find(({ name }) => name === 'postgres')!;
    const tlsOf = (aws: AwsResources) => (connectors.postgres.onAws(step, aws).resources as { tls?: string }).tls;
    expect([AWS, GIVEN, HERE].map(tlsOf)).toEqual([undefined, undefined, 'off']);
  });

  test('that a webhook reads the secrets that it needs, and no others', () => {
    const secretsOf = (options: unknown) =>
      connectors.webhook
        .onAws({ pipeline: 'p', name: 's', options, schema: Row }, awsWith(DATABASE, 'arn:aws:kms:eu-west-1:1:key/k'))
        .statements.flatMap(({ why, resources }) => [why, ...resources.map((one) => one.split(':').at(-1))]);
    const key = ['reads the signing key', 'signing-key', 'decrypts the signing key', 'key/k'];
    expect(secretsOf(webhookSink({ url: 'https://example.com' }).options)).toEqual(key);
    expect(secretsOf(slackSink({ message: '{key}' }).options)).toEqual([
      'reads the url',
      'url',
      'decrypts the url',
      'key/k',
    ]);
    expect(secretsOf(webhookSink().options)).toEqual([...key, 'reads the url', 'url', 'decrypts the url', 'key/k']);
    expect(secretsOf(webhookSink({ url: 'https://example.com', signed: false }).options)).toEqual([]);
  });

  test('that an OpenSearch sink signs for its own index alone, or reads its login', () => {
    const grantsOf = (arn: string | undefined) => {
      const { options } = openSearchSink({
        endpoint: 'https://search.example.com',
        index: 'rows',
        ...(arn && { arn }),
      });
      return connectors.opensearch.onAws({ pipeline: 'p', name: 's', options, schema: Row }, AWS).statements;
    };
    const index = `${DOMAIN}/millrace-dev-rows`;
    expect(grantsOf(DOMAIN)).toMatchObject([
      { actions: ['es:ESHttpGet', 'es:ESHttpPost', 'es:ESHttpPut'], resources: [index, `${index}/*`, `${index}--*`] },
    ]);
    expect(grantsOf(COLLECTION)).toMatchObject([{ actions: ['aoss:APIAccessAll'], resources: [COLLECTION] }]);
    expect(grantsOf(undefined)).toMatchObject([{ actions: ['secretsmanager:GetSecretValue'] }]);
  });

  test('that an Iceberg sink commits to its own table and those of its replays, in the one catalogue', () => {
    const grantsOf = (options: Parameters<typeof icebergSink>[0]) =>
      connectors.iceberg
        .onAws({ pipeline: 'p', name: 's', options: icebergSink(options).options, schema: Row }, AWS)
        .statements.flatMap(({ actions, resources }) =>
          actions.flatMap((action) => resources.map((on) => [action, on])),
        );
    const glue = grantsOf({ table: 'rows' });
    const on = (grants: readonly (readonly string[])[], action: string) =>
      grants.filter(([one]) => one === action).map(([, arn = '']) => arn.split(':').slice(5).join(':'));
    expect(on(glue, 'glue:UpdateTable')).toEqual([
      'catalog',
      'database/millrace_dev',
      'table/millrace_dev/rows',
      'table/millrace_dev/rows__*',
    ]);
    expect(on(glue, 's3:PutObject')).toEqual([
      'lake/iceberg/millrace_dev/rows/*',
      'lake/iceberg/millrace_dev/rows__*/*',
    ]);
    expect(on(glue, 'glue:CreateDatabase')).toEqual(['catalog', 'database/millrace_dev']);
    const elsewhere = grantsOf({ namespace: 'sales', table: 'rows', location: 's3://analytics/rows' });
    expect(on(elsewhere, 's3:PutObject')[0]).toBe('analytics/rows/*');
    expect(on(elsewhere, 'glue:CreateDatabase')).toEqual([]);
    const tables = grantsOf({ table: 'rows', catalog: 's3tables', tableBucket: 'analytics' });
    expect(on(tables, 's3tables:PutTableData')).toEqual(['bucket/analytics/table/*']);
    expect(new Set(tables.map(([action = '']) => action.split(':')[0]))).toEqual(new Set(['s3tables']));
  });

  test('the columns of its table, only when it may have to create the table', () => {
    const columns = all
      .filter(({ name }) => name === 'postgres')
      .map(({ step }) => (connectors.postgres.onAws(step, AWS).resources as { columns?: unknown }).columns);
    expect(columns).toEqual([
      [
        { name: 'id', type: 'text', nullable: false },
        { name: 'total', type: 'double precision', nullable: false },
      ],
      undefined,
    ]);
  });
});
