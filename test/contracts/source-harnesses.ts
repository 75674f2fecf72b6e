import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { PulledSource, SourceDefinition } from '../../functions/runtime/source.ts';
import { generatorDefinition, generatorSource } from '../../functions/sources/generator/generator.ts';
import { httpDefinition, httpSource } from '../../functions/sources/http/http.ts';
import type { Reply } from '../../functions/sources/http/replies.ts';
import type { Request } from '../../functions/sources/http/request-body.ts';
import { s3FilesDefinition, s3FilesSource } from '../../functions/sources/s3-files/s3-files.ts';
import { startS3 } from '../kit/servers.ts';
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
