import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll } from 'vitest';
import type { SinkName, SourceName } from '../../infra/connectors.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { icebergHarness } from './iceberg-harness.ts';
import { mqttContract } from './mqtt-harness.ts';
import { openSearchHarness } from './opensearch-harness.ts';
import { postgresQueryContract } from './postgres-query-harness.ts';
import { pulledSourceContract } from './pulled-sources.ts';
import { dynamoDbHarness, parquetHarness, postgresHarness, s3Harness, webhookHarness } from './sink-harnesses.ts';
import type { SinkHarness } from './sinks.ts';
import {
  generatorHarness,
  httpHarness,
  MANY_SLOTS,
  postgresChangesHarness,
  s3FilesHarness,
} from './source-harnesses.ts';
import { itemSourceContract, receivingSourceContract } from './sources.ts';

/** A way to use a sink, for which its contract is checked. */
interface SinkCase {
  readonly name: string;
  /** Makes the harness. The Postgres server is shared by all cases; it runs once the tests do. */
  harness(postgres: () => PostgresServer): SinkHarness;
}

/** The cases of every sink: one that has none does not compile, and fails every-connector.test.ts. */
export const sinkCases: Readonly<Record<SinkName, readonly SinkCase[]>> = {
  s3: [
    { name: 's3', harness: () => s3Harness },
    { name: 's3, Parquet', harness: () => parquetHarness },
  ],
  postgres: [
    { name: 'postgres, appending', harness: (server) => postgresHarness({}, server) },
    { name: 'postgres, upserting', harness: (server) => postgresHarness({ key: 'n' }, server) },
    { name: 'postgres, mirroring', harness: (server) => postgresHarness({ key: 'n', mode: 'mirror' }, server) },
  ],
  iceberg: [
    { name: 'iceberg', harness: () => icebergHarness({}) },
    { name: 'iceberg, divided by day', harness: () => icebergHarness({ by: 'day' }) },
  ],
  dynamodb: [{ name: 'dynamodb', harness: () => dynamoDbHarness }],
  opensearch: [{ name: 'opensearch', harness: () => openSearchHarness }],
  webhook: (['event', 'data'] as const).map((body) => ({
    name: `webhook, posting ${body === 'event' ? 'events' : 'data'}`,
    harness: () => webhookHarness(body),
  })),
};

const asItIs = (content: Buffer) => content;

/** The cases of every source. Each checks the contract of one way to use the source. */
export const sourceCases: Readonly<Record<SourceName, readonly (() => void)[]>> = {
  generator: [() => pulledSourceContract('generator', generatorHarness)],
  'postgres-changes': [
    () => {
      let server: PostgresServer;
      beforeAll(async () => {
        server = await startPostgres({ flags: MANY_SLOTS });
      });
      afterAll(() => server?.stop());
      pulledSourceContract(
        'postgres-changes',
        postgresChangesHarness(() => server),
      );
    },
  ],
  http: [() => receivingSourceContract('http', httpHarness)],
  mqtt: [() => mqttContract()],
  'postgres-query': [() => postgresQueryContract()],
  's3-files': [
    () => itemSourceContract('s3-files, CSV', s3FilesHarness('csv', { key: 'a folder/numbers+1.csv', encode: asItIs })),
    () => itemSourceContract('s3-files, CSV in gzip', s3FilesHarness('csv', { key: 'n.csv.gz', encode: gzipSync })),
    () => itemSourceContract('s3-files, NDJSON', s3FilesHarness('ndjson', { key: 'n.ndjson', encode: asItIs })),
    () =>
      itemSourceContract(
        's3-files, NDJSON in zstd',
        s3FilesHarness('ndjson', { key: 'n.zst', encode: zstdCompressSync }),
      ),
  ],
};
