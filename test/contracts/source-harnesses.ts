import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { PulledSource, SourceDefinition } from '../../functions/runtime/source.ts';
import { generatorDefinition, generatorSource } from '../../functions/sources/generator/generator.ts';
import { httpDefinition, httpSource } from '../../functions/sources/http/http.ts';
import type { Reply } from '../../functions/sources/http/replies.ts';
import type { Request } from '../../functions/sources/http/request-body.ts';
import type { ChangesPosition } from '../../functions/sources/postgres-changes/position.ts';
import { postgresChangesDefinition } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { s3FilesDefinition, s3FilesSource } from '../../functions/sources/s3-files/s3-files.ts';
import { type PostgresServer, startS3 } from '../kit/servers.ts';
import type { PulledSourceHarness } from './pulled-sources.ts';
import type { Given, ItemSourceHarness, ReceivingSourceHarness } from './sources.ts';

const Numbered = z.object({ n: z.int() });

/** Opens a source as Lambda does: its options travel as JSON, and pass the connector's own schema. */
export function openSource<O, R, S>(definition: SourceDefinition<O, R, S>, options: unknown): S {
  return definition.open({
    step: 'pipeline/step',
    pipelines: ['bank', 'pipeline'],
    options: definition.options.parse(JSON.parse(JSON.stringify(options))),
    resources: definition.resources.parse({}),
  });
}

/** Puts files into an S3 server. `encode` compresses their content. */
export function s3FilesHarness(
  format: 'csv' | 'ndjson',
  { key, encode }: { key: string; encode: (content: Buffer) => Buffer },
): ItemSourceHarness {
  return {
    async open() {
      const server = await startS3();
      const closeEnvironment = useEndpoint(server.endpoint);
      const client = new S3Client({ endpoint: server.endpoint, forcePathStyle: true });
      server.createBucket('landing');
      const target = { Bucket: 'landing', Key: key };
      const put = async (content: string) => {
        const { ETag } = await client.send(new PutObjectCommand({ ...target, Body: encode(Buffer.from(content)) }));
        return JSON.stringify({
          Records: [
            {
              eventSource: 'aws:s3',
              eventName: 'ObjectCreated:Put',
              s3: {
                bucket: { name: 'landing' },
                object: { key: encodeURIComponent(key), eTag: ETag?.replaceAll('"', '') },
              },
            },
          ],
        });
      };
      return {
        source: openSource(
          s3FilesDefinition,
          s3FilesSource({ schema: Numbered, format, type: 'row.read', key: 'n' }).options,
        ),
        put: (rows) => put(format === 'csv' ? csvOf(rows) : ndjsonOf(rows)),
        async overwrite() {
          await put('other');
        },
        async remove() {
          await client.send(new DeleteObjectCommand(target));
        },
        async close() {
          client.destroy();
          closeEnvironment();
          await server.stop();
        },
      };
    },
  };
}

const csvOf = (rows: readonly Given[]) =>
  ['n,note', ...rows.map((row) => ('good' in row ? `${row.good},"a\nnote"` : `${row.bad},"it's not a number"`))].join(
    '\r\n',
  );
const ndjsonOf = (rows: readonly Given[]) =>
  rows.map((row) => ('good' in row ? JSON.stringify({ n: row.good }) : `{"n":"${row.bad}`)).join('\n');

/**
 * Sets the AWS SDK's environment variables, because a connector creates its own clients, as on Lambda. Returns a
 * function that restores the variables.
 */
export function useEndpoint(endpoint: string): () => void {
  const variables = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** All of its events are due at once. */
export const generatorHarness: PulledSourceHarness = {
  count: 12_000,
  async open() {
    const { options } = generatorSource({
      schema: Numbered,
      type: 'number.made',
      key: 'n',
      perSecond: 100_000,
      count: 12_000,
      bad: 0.01,
    });
    return {
      source: () => openSource(generatorDefinition, options) as PulledSource<unknown>,
      strange: { place: 'elsewhere' },
      close: async () => undefined,
    };
  },
};

/** The options of a server on which many slots are made. */
export const MANY_SLOTS = ['-c', 'max_replication_slots=200'];

/**
 * A table in which 12,000 rows were inserted since the slot was made. Each read has a copy of that slot: a server
 * forgets what was read.
 */
export function postgresChangesHarness(server: () => PostgresServer): PulledSourceHarness {
  return {
    count: 12_000,
    async open() {
      const database = await server().createDatabase();
      const client = await server().connect(database);
      await client.query('CREATE TABLE numbers (n int PRIMARY KEY)');
      const { host, port, user, password } = server();
      const open = () =>
        postgresChangesDefinition.open({
          step: 'pipeline/step',
          pipelines: ['pipeline'],
          options: postgresChangesDefinition.options.parse({ tables: ['numbers'], snapshot: 'none', create: true }),
          resources: postgresChangesDefinition.resources.parse({
            ...{ host, port, database, user, auth: { password }, tls: 'off' },
            fields: [{ name: 'n', accepts: ['integer'], isRequired: true }],
          }),
        });
      const start = await startOfChanges(open());
      await client.query('INSERT INTO numbers SELECT generate_series(1, 12000)');
      let copies = 0;
      const copySlot = async (): Promise<string> => {
        const slot = `${start.slot.slice(0, 50)}_${++copies}`;
        await client.query('SELECT pg_copy_logical_replication_slot($1, $2)', [start.slot, slot]);
        return slot;
      };
      return {
        source: () => readToTheEnd(open(), { start, copySlot }),
        strange: { place: 'elsewhere' },
        close: () => client.end(),
      };
    },
  };
}

/** Makes the slot of a source. Resolves to the position at which it begins. */
async function startOfChanges(source: PulledSource<ChangesPosition>): Promise<ChangesPosition> {
  const turn = { ending: new AbortController().signal, signal: new AbortController().signal, most: 10_000 };
  for await (const { position } of source.read(undefined, turn)) if (position.read !== undefined) return position;
  throw new Error('the source has ended before its slot was made');
}

/** The source, which begins where the slot was made, and ends once it has caught up in place of waiting for more. */
function readToTheEnd(
  source: PulledSource<ChangesPosition>,
  { start, copySlot }: { readonly start: ChangesPosition; copySlot(): Promise<string> },
): PulledSource<unknown> {
  return {
    position: source.position as PulledSource<unknown>['position'],
    async *read(from, { ending, signal, most }) {
      const caughtUp = new AbortController();
      const position = (from ?? start) as ChangesPosition;
      const turn = { ending: AbortSignal.any([ending, caughtUp.signal]), signal, most };
      for await (const page of source.read({ ...position, slot: await copySlot() }, turn)) {
        yield page;
        // The message that a run writes at its start has been read: all that was there is in the pages.
        if (page.position.read?.last?.token !== position.read?.last?.token) caughtUp.abort();
      }
    },
  };
}

export const httpHarness: ReceivingSourceHarness<Request, Reply> = {
  open() {
    return {
      source: openSource(httpDefinition, httpSource({ schema: Numbered, type: 'number.sent', key: 'n' }).options),
      request: (events) => posted('application/json', events.map(dataOf)),
      identified: (events) =>
        posted(
          'application/cloudevents-batch+json',
          events.map(({ source, sequence, ...given }, index) => ({
            specversion: '1.0',
            id: `${index}`,
            type: 'number.sent',
            source,
            sequence,
            data: dataOf(given as Given),
          })),
        ),
      meaningOf({ statusCode }) {
        if (statusCode === 202) return 'accepted';
        return statusCode === 429 || statusCode >= 500 ? 'again' : 'rejected';
      },
      badEventsIn: ({ body }) => JSON.parse(body).events.map(({ index }: { index: number }) => index),
    };
  },
};

const dataOf = (given: Given) => ('good' in given ? { n: given.good } : { n: given.bad });

export function posted(contentType: string, json: unknown): Request {
  return {
    headers: { 'content-type': contentType },
    requestContext: { http: { method: 'POST' }, timeEpoch: Date.UTC(2024, 1, 29) },
    body: JSON.stringify(json),
    isBase64Encoded: false,
  };
}
