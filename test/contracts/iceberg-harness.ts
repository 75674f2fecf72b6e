import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { Notes } from '../../functions/runtime/sink.ts';
import { icebergDefinition, icebergSink } from '../../functions/sinks/iceberg/iceberg.ts';
import { parquetColumnsOf } from '../../functions/sinks/s3/parquet/columns.ts';
import { startIcebergCatalog } from '../../infra/local/servers/iceberg/server.ts';
import { viewOf } from '../kit/iceberg.ts';
import { startS3 } from '../kit/servers.ts';
import { startFaultyNetwork } from './faulty-network.ts';
import { openSinkWith } from './sink-harnesses.ts';
import type { SinkHarness } from './sinks.ts';
import { useEndpoint } from './source-harnesses.ts';

/** Commits to a catalogue of this machine, whose connection is cut at the commit. */
export function icebergHarness(given: { readonly by?: 'day' }): SinkHarness {
  return {
    keepsProgress: false,
    async open() {
      const server = await startS3();
      server.createBucket('lake');
      const nowhere = async (): Promise<void> => undefined;
      const iceberg = await startIcebergCatalog({
        folder: 's3://lake/iceberg',
        now: Date.now,
        store: nowhere,
        remove: nowhere,
      });
      const network = await startFaultyNetwork(Number(new URL(iceberg.endpoint).port));
      const closeEnvironment = useEndpoint(server.endpoint);
      const client = new S3Client({ endpoint: server.endpoint, forcePathStyle: true });
      const { options } = icebergSink({ table: 'numbers', ...given });
      const resources = {
        stage: 'test',
        endpoint: `http://127.0.0.1:${network.port}`,
        warehouse: 'here',
        namespace: 'numbers',
        columns: parquetColumnsOf(z.object({ n: z.int32() }), { lines: 'event' }),
      };
      const notes = notesInMemory();
      const view = () =>
        viewOf(iceberg.catalog, { namespace: 'numbers', table: 'numbers' }, async (url) => {
          const Key = url.slice('s3://lake/'.length);
          const { Body } = await client.send(new GetObjectCommand({ Bucket: 'lake', Key }));
          return Buffer.from((await Body?.transformToByteArray()) ?? []);
        });
      return {
        step: 'pipeline/step',
        sink: () => openSinkWith(icebergDefinition, { options, resources, notes }),
        good: (n) => ({ n }),
        bad: (n) => ({ n: `${n} and more` }),
        landed: async () => [(await view()).rows.map(({ n }) => n as number)],
        contents: view,
        cut: (when) => network.cut(when, { text: 'assert-ref-snapshot-id', nth: 1 }),
        heal: network.heal,
        async close() {
          closeEnvironment();
          client.destroy();
          await network.stop();
          await iceberg.stop();
          await server.stop();
        },
      };
    },
  };
}

/** Keeps the notes of a step in memory. */
export function notesInMemory(): Notes {
  const kept = new Map<string, { readonly revision: number; readonly text: string }>();
  return {
    load: async (name) => kept.get(name),
    async keep(name, { previous, text }) {
      if ((kept.get(name)?.revision ?? 0) !== previous) return false;
      kept.set(name, { revision: previous + 1, text });
      return true;
    },
  };
}
