import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { z } from 'zod';
import { icebergDefinition, icebergSink } from '../../functions/sinks/iceberg/iceberg.ts';
import { parquetColumnsOf } from '../../functions/sinks/s3/parquet/columns.ts';
import { startIcebergCatalog } from '../../infra/local/servers/iceberg/server.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { notesInMemory } from '../contracts/iceberg-harness.ts';
import { openSinkWith } from '../contracts/sink-harnesses.ts';
import { logOf, positionAfter, sliceOf } from '../contracts/slices.ts';
import { useEndpoint } from '../contracts/source-harnesses.ts';
import { startS3 } from '../kit/servers.ts';

const run = promisify(execFile);

/** Who reads, each with the script that asks it and the packages that it is in. */
const READERS = [
  { name: 'PyIceberg', script: 'read.py', packages: ['pyiceberg[pyarrow,s3fs]==0.11.1'] },
  {
    name: 'DuckDB',
    script: 'read-duckdb.py',
    packages: [
      ...['avro', 'httpfs', 'iceberg'].map((extension) => `duckdb-ext-${extension}==1.4.4.20260205`),
      ...['duckdb-ext==0.1.2', 'duckdb==1.4.4', 'pytz==2025.2'],
    ],
  },
] as const;

/** Rows of every type, and a column that comes later. */
const First = z.object({
  n: z.int32(),
  big: z.int(),
  text: z.string(),
  yes: z.boolean(),
  price: z.string().meta({ sql: 'numeric(10,2)' }),
  day: z.iso.date(),
  at: z.iso.datetime(),
  tags: z.array(z.string()),
  place: z.object({ city: z.string(), zip: z.int32() }),
});
const Later = First.extend({ added: z.string().optional() });

const rowOf = (n: number) => ({
  n,
  big: 2 ** 40 + n,
  text: `text ${n}`,
  yes: n % 2 === 0,
  price: `${n}.25`,
  day: '2026-01-31',
  at: '2026-01-31T12:00:00.123456Z',
  tags: ['a', `b${n}`],
  place: { city: 'Köln', zip: n },
});

/** Writes a table, lets each reader read it through the catalogue, and returns the differences. */
export async function readByPython(): Promise<readonly string[]> {
  const python = await environment();
  const server = await startS3();
  server.createBucket('lake');
  const nowhere = async (): Promise<void> => undefined;
  const settings = { folder: 's3://lake/iceberg', now: Date.now, store: nowhere, remove: nowhere };
  const iceberg = await startIcebergCatalog(settings);
  const closeEnvironment = useEndpoint(server.endpoint);
  try {
    const notes = notesInMemory();
    const { options } = icebergSink({ table: 'things', by: 'day' });
    const sinkOf = (schema: z.ZodType) =>
      openSinkWith(icebergDefinition, {
        options,
        notes,
        resources: {
          stage: 'test',
          endpoint: iceberg.endpoint,
          warehouse: 'here',
          namespace: 'lake',
          columns: parquetColumnsOf(schema, { lines: 'event' }),
        },
      });
    const rows = Array.from({ length: 20 }, (_, n) => (n < 10 ? rowOf(n) : { ...rowOf(n), added: `later ${n}` }));
    const events = logOf(rows.map((data, n) => ({ data, time: `2026-01-${10 + (n % 3)}T00:00:00Z` })));
    await sinkOf(First).write(sliceOf({ events: events.slice(0, 10) }));
    await sinkOf(Later).write(sliceOf({ events: events.slice(10), from: positionAfter(10) }));
    const differences: string[] = [];
    for (const { name, script } of READERS) {
      const path = join(import.meta.dirname, script);
      const { stdout } = await run(python, [path, iceberg.endpoint, server.endpoint, 'lake.things']);
      differences.push(...compare(JSON.parse(stdout) as Read, rows).map((difference) => `${name}: ${difference}`));
    }
    return differences;
  } finally {
    closeEnvironment();
    await iceberg.stop();
    await server.stop();
  }
}

interface Read {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The rows of one day, which the reader found without the files of the others. */
  readonly ofOneDay: number;
}

function compare({ rows, ofOneDay }: Read, given: readonly object[]): readonly string[] {
  const differences = rows
    .toSorted((one, other) => Number(one.n) - Number(other.n))
    .flatMap((row, index) => {
      const expected = { added: null, ...given[index], at: '2026-01-31 12:00:00.123456+00:00' };
      const found = Object.fromEntries(Object.keys(expected).map((name) => [name, row[name]]));
      if (isDeepStrictEqual(found, expected)) return [];
      const [a, b] = [found, expected].map((one) => JSON.stringify(one));
      return [`row ${index} is ${a}, and ${b} was given`];
    });
  if (rows.length !== given.length) differences.push(`there are ${rows.length} rows of ${given.length}`);
  if (ofOneDay !== 7) differences.push(`there are ${ofOneDay} rows of the first day, and 7 were given`);
  return differences;
}

/** Makes a virtual environment with the readers, once, and returns the path of its Python. */
async function environment(): Promise<string> {
  const folder = join(REPOSITORY, 'node_modules', '.cache', 'pyiceberg');
  const python = join(folder, 'bin', 'python');
  if (!existsSync(python)) await run('python3', ['-m', 'venv', folder]);
  await run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    ...READERS.flatMap(({ packages }) => packages),
  ]);
  return python;
}
