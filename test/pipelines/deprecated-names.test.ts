import { expect, test } from 'vitest';
import { z } from 'zod';
import { postgresSink } from '../../functions/sinks/postgres/postgres.ts';
import { s3Files, s3FilesSource } from '../../functions/sources/s3-files/s3-files.ts';
import { definePipeline } from '../../infra/pipelines/pipeline.ts';
import { givenPipeline } from '../kit/given.ts';

const Item = z.object({ id: z.string(), n: z.int() });
const options = { schema: Item, format: 'csv', type: 'item.read', key: 'id' } as const;

test('a pipeline that reads its files with s3Files, the name before s3FilesSource, compiles and runs', async () => {
  const items = definePipeline({
    name: 'items',
    streams: { raw: { schema: Item } },
    sources: { files: { read: s3Files(options), to: 'raw' } },
    sinks: { items: { from: 'raw', write: postgresSink({ table: 'items', key: ['id'] }) } },
  });
  const run = await givenPipeline(items);
  await run.dropped('items.csv', 'id,n\na,1\nb,2\n');
  await run.settled();
  expect(run.table('items')).toEqual([
    { id: 'a', n: 1 },
    { id: 'b', n: 2 },
  ]);
});

test('s3Files gives what s3FilesSource gives, and a key that the rows do not have does not compile', () => {
  expect(s3Files(options)).toEqual(s3FilesSource(options));
  // @ts-expect-error the rows have no 'idd'
  expect(() => s3Files({ ...options, key: 'idd' })).toThrow("key is 'idd'");
});
