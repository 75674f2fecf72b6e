import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { Position } from '../../../../functions/runtime/position.ts';
import type { Notes, OpenSink } from '../../../../functions/runtime/sink.ts';
import { decodeAvro } from '../../../../functions/sinks/iceberg/avro/container.ts';
import { openCatalog } from '../../../../functions/sinks/iceberg/catalog/rest-catalog.ts';
import type { CatalogAnswer } from '../../../../functions/sinks/iceberg/catalog/send.ts';
import { openCommitter } from '../../../../functions/sinks/iceberg/committer.ts';
import { openTableFiles } from '../../../../functions/sinks/iceberg/files.ts';
import { icebergOver, icebergSink } from '../../../../functions/sinks/iceberg/iceberg.ts';
import { propertiesOf } from '../../../../functions/sinks/iceberg/table/step-properties.ts';
import { parquetColumnsOf } from '../../../../functions/sinks/s3/parquet/columns.ts';
import { parquetFiles } from '../../../../functions/sinks/s3/parquet/parquet-file.ts';
import { createCatalog, type IcebergCatalog } from '../../../../infra/local/servers/iceberg/catalog.ts';
import { notesInMemory } from '../../../contracts/iceberg-harness.ts';
import { type Given, logOf, positionAfter, sliceOf } from '../../../contracts/slices.ts';
import { useEndpoint } from '../../../contracts/source-harnesses.ts';
import { noDeadline } from '../../../eventually.ts';
import { viewOf } from '../../../kit/iceberg.ts';
import { startS3 } from '../../../kit/servers.ts';

let server: Awaited<ReturnType<typeof startS3>>;
let client: S3Client;
let closeEnvironment: () => void;

beforeAll(async () => {
  server = await startS3();
  server.createBucket('lake');
  closeEnvironment = useEndpoint(server.endpoint);
  client = new S3Client({ endpoint: server.endpoint, forcePathStyle: true });
});
afterAll(async () => {
  client.destroy();
  closeEnvironment();
  await server.stop();
});
afterEach(() => void vi.useRealTimers());

const nowhere = async (): Promise<void> => undefined;
const Row = z.object({ n: z.int32() });
const SHARD = 'stream/shardId-000000000000';
const PATH = '/v1/namespaces/shop/tables/rows';

/** A catalogue of its own, and sinks of one step that write to its table `rows`. */
function fresh({ by }: { readonly by?: 'day' } = {}) {
  const catalog = createCatalog({ folder: 's3://lake/iceberg', now: Date.now, store: nowhere, remove: nowhere });
  const kept = new Map<string, Notes>();
  const notesFor = (step: string): Notes => {
    const notes = kept.get(step) ?? notesInMemory();
    kept.set(step, notes);
    return notes;
  };
  const asked: string[] = [];
  const answers: ((path: string) => CatalogAnswer | undefined)[] = [];
  const { options } = icebergSink({ namespace: 'shop', table: 'rows', ...(by && { by }) });
  const definition = icebergOver({
    send: async (_endpoint, request) => {
      asked.push(`${request.method} ${request.path}`);
      const given = answers[0]?.(`${request.method} ${request.path}`);
      return given ?? catalog.answer(request);
    },
    makeFiles: parquetFiles,
    sleep: nowhere,
  });
  const open = ({ schema = Row, step = 'p/step', formerly }: Opened = {}): OpenSink =>
    definition.open({
      step,
      formerly,
      notes: notesFor(formerly ?? step),
      options,
      resources: definition.resources.parse({
        stage: 'test',
        endpoint: 'http://127.0.0.1:1',
        warehouse: 'here',
        namespace: 'of_stage',
        columns: parquetColumnsOf(schema, { lines: 'event' }),
      }),
    });
  const post = (path: string, body: object) => catalog.answer({ method: 'POST', path, body: JSON.stringify(body) });
  return {
    catalog,
    open,
    asked,
    answers,
    post,
    async make(schema: object, more: object = {}) {
      await post('/v1/namespaces', { namespace: ['shop'] });
      const made = await post('/v1/namespaces/shop/tables', { name: 'rows', schema, ...more });
      expect(made.status).toBe(200);
    },
    update: async (...updates: object[]) => expect((await post(PATH, { requirements: [], updates })).status).toBe(200),
    view: () => viewOf(catalog, { namespace: 'shop', table: 'rows' }, readUrl),
    snapshots: () => idsOf(catalog),
  };
}

interface Opened {
  readonly schema?: z.ZodType;
  readonly step?: string;
  readonly formerly?: string;
}

/** Lists the files of the first manifest. */
async function urls(catalog: IcebergCatalog): Promise<readonly string[]> {
  const [first] = catalog.metadata('shop', 'rows')?.snapshots ?? [];
  const { records: manifests } = decodeAvro(await readUrl(first?.['manifest-list'] ?? ''));
  const [{ manifest_path: manifest }] = manifests as readonly [{ readonly manifest_path: string }];
  const { records } = decodeAvro(await readUrl(manifest));
  return records.map(
    (record) => (record as { readonly data_file: { readonly file_path: string } }).data_file.file_path,
  );
}

async function readUrl(url: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key: url.slice('s3://lake/'.length) }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

const idsOf = (catalog: IcebergCatalog): readonly bigint[] =>
  (catalog.metadata('shop', 'rows')?.snapshots ?? []).map((one) => one['snapshot-id']);

const numbers = (from: number, to: number): Given[] =>
  Array.from({ length: to - from }, (_, index) => ({ data: { n: from + index } }));

/** Makes the slice of the numbers [from, to) of one log. */
function part(from: number, to: number, { shard = SHARD, data = numbers(0, to) } = {}) {
  return sliceOf({ events: logOf(data).slice(from), from: positionAfter(from), shard });
}

const write = (sink: OpenSink, from: number, to: number) => sink.write(part(from, to));
const field = (id: number, name: string, type: string) => ({ id, name, required: false, type });
const ATTRIBUTES = [
  ...['event_id', 'event_source', 'event_type'].map((name, index) => field(index + 1, name, 'string')),
  field(4, 'event_time', 'timestamptz'),
  ...['event_key', 'event_sequence'].map((name, index) => field(index + 5, name, 'string')),
];
const schemaOf = (...fields: object[]) => ({ type: 'struct', 'schema-id': 0, fields: [...ATTRIBUTES, ...fields] });

test('a table that is there gets rows in its own columns, and its others stay empty', async () => {
  const { make, open, view } = fresh();
  await make(schemaOf(field(21, 'remark', 'string'), field(20, 'n', 'long')));
  await write(open(), 0, 2);
  const { rows } = await view();
  expect(rows.map(({ n, event_id, remark }) => ({ n, event_id, remark }))).toEqual([
    { n: '0', event_id: 'event-0', remark: undefined },
    { n: '1', event_id: 'event-1', remark: undefined },
  ]);
});

test('a field that the schema has got is a column more, and a wider number a wider column', async () => {
  const { open, view, catalog } = fresh();
  await write(open(), 0, 1);
  const data = [...numbers(0, 1), { data: { n: 2 ** 40, added: 'later' } }];
  await open({ schema: z.object({ n: z.int(), added: z.string().optional() }) }).write(part(1, 2, { data }));
  const { rows } = await view();
  expect(rows.map(({ n, added }) => ({ n, added }))).toEqual([
    { n: '0', added: null },
    { n: String(2 ** 40), added: 'later' },
  ]);
  const { schemas, 'current-schema-id': current } = catalog.metadata('shop', 'rows')!;
  expect(current).toBe(1);
  expect(JSON.stringify(schemas[1])).toContain('"id":8,"name":"added"');
});

test('of a slice that the table has in part, the rest is added', async () => {
  const { open, view } = fresh();
  await write(open(), 0, 5);
  await write(open(), 2, 9);
  await write(open(), 0, 9);
  expect((await view()).rows.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('slices that end at the same time become one snapshot', async () => {
  const { open, snapshots, catalog } = fresh();
  await write(open(), 0, 1);
  const committer = openCommitter({
    catalog: openCatalog({ endpoint: '', warehouse: 'here', namespace: 'shop', table: 'rows' }, (_endpoint, request) =>
      catalog.answer(request),
    ),
    store: openTableFiles(client),
    properties: propertiesOf('test', 'p/step', undefined),
    called: 'shop.rows',
    notes: undefined,
    sleep: nowhere,
    now: Date.now,
    random: Math.random,
  });
  const [url = ''] = await urls(catalog);
  const { length: bytes } = await readUrl(url);
  const files = [{ url, partition: undefined, rows: 1, bytes }];
  const slices = [1, 2, 3, 4, 5].map((shard) => ({
    shard: `stream/shardId-00000000000${shard}`,
    after: undefined,
    to: positionAfter(2) as Position,
    files,
    signal: noDeadline(),
  }));
  await Promise.all(slices.map((slice) => committer.commit(slice)));
  // The first begins at once, and the others wait for it.
  expect(snapshots()).toHaveLength(3);
  const { properties } = catalog.metadata('shop', 'rows')!;
  expect(Object.keys(properties).filter((name) => name.includes('position'))).toHaveLength(6);
});

test('the position is a property of the table, and moves in the same commit', async () => {
  const { open, view } = fresh();
  await write(open(), 0, 3);
  const { properties, snapshots } = await view();
  expect(properties['millrace.position.test.p.step.stream.shardId-000000000000']).toBe(positionAfter(3));
  expect(properties['millrace.snapshot.test.p.step']).toBe(`${snapshots[0]?.id}/1`);
  expect(snapshots[0]?.summary).toMatchObject({ operation: 'append', 'added-records': '3', 'total-records': '3' });
});

test.each([{}, { by: 'day' as const }])('many manifests become one, and no row is lost, with %j', async (given) => {
  const { open, view, update, catalog } = fresh(given);
  await write(open(), 0, 2);
  await update({ action: 'set-properties', updates: { 'commit.manifest.min-count-to-merge': '3' } });
  for (let n = 2; n < 12; n++) await write(open(), n, n + 1);
  expect((await view()).rows.map(({ n }) => n).toSorted((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 12 }, (_, n) => n),
  );
  const last = catalog.metadata('shop', 'rows')?.snapshots.at(-1);
  const { records } = decodeAvro(await readUrl(last?.['manifest-list'] ?? ''));
  expect(records.length).toBeLessThanOrEqual(4);
  const [, merged] = records as readonly { existing_files_count: number; min_sequence_number: bigint }[];
  expect(merged).toMatchObject({ min_sequence_number: expect.any(BigInt) });
});

test('a step that was renamed goes on from the positions under its former name', async () => {
  const { open, view } = fresh();
  await write(open(), 0, 3);
  await write(open({ step: 'p/renamed', formerly: 'p/step' }), 0, 5);
  expect((await view()).rows).toHaveLength(5);
});

test('two steps may add to one table, each from its own position', async () => {
  const { open, view } = fresh();
  await write(open(), 0, 3);
  await write(open({ step: 'p/other' }), 0, 3);
  expect((await view()).rows).toHaveLength(6);
});

test('a table that was rolled back gets nothing until the property says to go on, and then what comes next', async () => {
  const { open, view, snapshots, update } = fresh();
  await write(open(), 0, 2);
  await write(open(), 2, 4);
  const [first] = snapshots();
  const back = { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': Number(first) };
  await update(back);
  await expect(write(open(), 4, 6)).rejects.toThrow(
    `shop.rows was rolled back or replaced: its current snapshot does not come from ${snapshots()[1]}, the last one of the step, so rows that the step has written may be gone: bring them back, or set the table's property 'millrace.continue.test.p.step' to '${first}'`,
  );
  expect((await view()).rows).toHaveLength(2);
  await update({ action: 'set-properties', updates: { 'millrace.continue.test.p.step': String(first) } });
  await write(open(), 4, 6);
  const { rows, properties } = await view();
  expect(rows.map(({ n }) => n)).toEqual([0, 1, 4, 5]);
  expect(properties['millrace.continue.test.p.step']).toBeUndefined();
});

test('the step goes on behind the snapshot that was named, also when others have committed since', async () => {
  const { open, view, snapshots, update, catalog } = fresh();
  await write(open(), 0, 2);
  await write(open(), 2, 4);
  const [first] = snapshots();
  const main = { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch' };
  await update({ ...main, 'snapshot-id': Number(first) });
  await update({ action: 'set-properties', updates: { 'millrace.continue.test.p.step': String(first) } });
  const base = catalog.metadata('shop', 'rows')?.snapshots[0];
  const snapshot = { ...base, 'snapshot-id': 7, 'parent-snapshot-id': Number(first), 'sequence-number': 3 };
  await update({ action: 'add-snapshot', snapshot }, { ...main, 'snapshot-id': 7 });
  await write(open(), 4, 5);
  expect((await view()).rows.map(({ n }) => n)).toEqual([0, 1, 4]);
});

test('a table that was dropped and made anew gets nothing, also when no commit was ever answered', async () => {
  const { open, view, catalog, make, answers } = fresh();
  let commits = 0;
  answers.push((path) => (path === `POST ${PATH}` && commits++ === 0 ? { status: 504, text: '' } : undefined));
  await write(open(), 0, 2);
  await catalog.answer({ method: 'DELETE', path: PATH });
  await make(schemaOf(field(20, 'n', 'int')));
  await expect(write(open(), 2, 4)).rejects.toThrow('was dropped and made anew');
  await expect(open().tidy?.(tidying())).rejects.toThrow('was dropped and made anew');
  expect((await view()).rows).toEqual([]);
});

test('a table that is gone, or restored to an earlier state, gets nothing', async () => {
  const { open, catalog, answers } = fresh();
  await write(open(), 0, 2);
  const { text: earlier } = await catalog.answer({ method: 'GET', path: PATH });
  await write(open(), 2, 4);
  answers.push((path) => (path === `GET ${PATH}` ? { status: 200, text: earlier } : undefined));
  await expect(write(open(), 4, 6)).rejects.toThrow('was restored to an earlier state');
  answers.length = 0;
  await catalog.answer({ method: 'DELETE', path: PATH });
  await expect(write(open(), 4, 6)).rejects.toThrow('the table shop.rows is gone');
});

test('an idle table gets an empty snapshot after 20 hours, not sooner', async () => {
  const { open, snapshots, view } = fresh();
  await write(open(), 0, 2);
  await open().tidy?.(tidying());
  expect(snapshots()).toHaveLength(1);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 21 * 3_600_000 });
  await open().tidy?.(tidying());
  await open().tidy?.(tidying());
  expect(snapshots()).toHaveLength(2);
  expect((await view()).rows).toHaveLength(2);
});

test.each([
  [{ properties: { 'format-version': '1' } }, 'the table shop.rows is of format version 1'],
  [
    { 'partition-spec': { fields: [{ name: 'k', transform: 'identity', 'source-id': 5, 'field-id': 1000 }] } },
    'divided by k (identity)',
  ],
  [{ schema: schemaOf(field(20, 'n', 'string')) }, "column 'n' of the table has the type string"],
  [
    { schema: schemaOf(field(20, 'n', 'int'), { ...field(21, 'must', 'int'), required: true }) },
    "a value in column 'must'",
  ],
])('a table that the sink cannot write to holds the step, and says why: %j', async (more, why) => {
  const { make, open } = fresh();
  await make(schemaOf(field(20, 'n', 'int')), more);
  await expect(write(open(), 0, 1)).rejects.toThrow(why);
});

test('commits that others are always faster than end with an error, and nothing is added', async () => {
  const { open, answers, asked, snapshots } = fresh();
  answers.push((path) => (path === `POST ${PATH}` ? { status: 409, text: '' } : undefined));
  await expect(write(open(), 0, 1)).rejects.toThrow('took none of 10 commits');
  expect(asked.filter((path) => path === `POST ${PATH}`)).toHaveLength(10);
  expect(snapshots()).toEqual([]);
});

test.each([
  [{ status: 200, text: '<html>' }, 'the catalogue\'s answer is no JSON: it begins with "<html>"'],
  [
    { status: 403, text: '{"error":{"message":"no right","type":"ForbiddenException","code":403}}' },
    'table shop.rows: the catalogue answers 403 ForbiddenException no right',
  ],
  [{ status: 500, text: 'oops' }, 'the catalogue answers 500 oops'],
])('an answer that says no table makes the step wait: %j', async (answer, why) => {
  const { open, answers } = fresh();
  answers.push((path) => (path === `GET ${PATH}` ? answer : undefined));
  await expect(write(open(), 0, 1)).rejects.toThrow(why);
});

test('an event with no valid time, of a table that is divided by day, is a dead letter; the others are rows', async () => {
  const { open, view } = fresh({ by: 'day' });
  const data: Given[] = [
    { data: { n: 0 } },
    { data: { n: 1 }, time: 'never' },
    { data: { n: 2 }, time: '2026-02-01T00:00:00Z' },
  ];
  const rejections = await open().write(part(0, 3, { data }));
  expect(rejections.map(({ message }) => message)).toEqual(['time: "never" is not an RFC 3339 time']);
  expect((await view()).rows.map(({ n }) => n)).toEqual([0, 2]);
});

test('an event about all keys is a dead letter, because every shard has it', async () => {
  const [event] = logOf(numbers(0, 1));
  const everywhere = { ...event!, parts: [{ from: 0n, to: 1n }], data: { n: 0 } };
  const { open, view } = fresh();
  const [rejection] = await open().write(sliceOf({ events: [everywhere], to: positionAfter(1) as Position }));
  expect(rejection?.message).toBe('it is about all keys, and every shard has it: it is no row');
  expect((await view()).rows).toEqual([]);
});

test.each([
  [{ table: 'Orders' }, 'table: is made of a-z, 0-9 and _'],
  [{ table: 'a__b' }, "table: 'a__b' has two _ in a row"],
  [{ table: 'a', catalog: 's3tables' as const }, "tableBucket: is missing: catalog is 's3tables'"],
  [{ table: 'a', tableBucket: 'bucket' }, "tableBucket: is for catalog: 's3tables' alone"],
  [
    { table: 'a', catalog: 's3tables' as const, tableBucket: 'bucket', location: 's3://b-1/c' },
    "location: is for catalog: 'glue' alone",
  ],
  [{ table: 'a', by: 'day' as const, lines: 'data' as const }, 'by: divides by the column event_time'],
])('options that cannot be are refused when the pipeline is defined: %j', (options, why) => {
  expect(() => icebergSink(options)).toThrow(why);
});

function tidying() {
  return {
    load: async () => undefined,
    keep: async () => true,
    committed: async () => undefined,
    now: Date.now,
    untilMillis: Date.now() + 60_000,
    signal: noDeadline(),
  };
}
