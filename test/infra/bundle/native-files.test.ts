import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { BUNDLE_FILE, bundle } from '../../../infra/bundle.ts';
import { configuredBundle } from '../../../infra/configured-bundle.ts';
import { completeBundle } from '../../../infra/native-files.ts';
import { fetchedPackage } from '../../../infra/native-package.ts';
import { inRepository, REPOSITORY } from '../../../infra/repository.ts';

/** A folder inside the repository, because entries import its packages. */
let folder: string;

beforeAll(async () => {
  await mkdir(join(REPOSITORY, '.millrace'), { recursive: true });
  folder = await mkdtemp(join(REPOSITORY, '.millrace', 'native-test-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const entryOf = (format: 'ndjson' | 'parquet') => inRepository(s3Sink({ prefix: 'p', format }).entry);

/** Lambda's limit for the code of a function, unpacked (Lambda developer guide, "Lambda quotas"). */
const MOST_BYTES = 250 * 1024 * 1024;

/** ELF's number for 64-bit ARM, and where its header has the machine. */
const [AARCH64, MACHINE_AT] = [0xb7, 18];

/** The newest glibc of Amazon Linux 2023, on which Lambda runs Node 24. */
const GLIBC_OF_LAMBDA = 34;

describe('the function of a sink that writes Parquet', () => {
  test("carries DuckDB for Lambda's platform, whatever machine deploys it, within Lambda's limit", async () => {
    const bundled = await completeBundle(await bundle(entryOf('parquet'), folder), 'lambda');
    const asset = configuredBundle(bundled, { generation: 'g' });
    const files = (await readdir(asset)).sort();
    expect(files).toEqual(['duckdb.node', BUNDLE_FILE, 'libduckdb.so', 'step.json']);
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(asset, file))).size));
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(MOST_BYTES);
    for (const file of ['duckdb.node', 'libduckdb.so']) {
      const bytes = await readFile(join(asset, file));
      expect([bytes.toString('latin1', 1, 4), bytes.readUInt16LE(MACHINE_AT)]).toEqual(['ELF', AARCH64]);
      const needed = [...bytes.toString('latin1').matchAll(/GLIBC_2\.(\d+)\0/g)].map(([, minor]) => Number(minor));
      expect(needed.length).toBeGreaterThan(0);
      expect(Math.max(...needed)).toBeLessThanOrEqual(GLIBC_OF_LAMBDA);
    }
  });

  test('loads DuckDB from its own folder, with nothing beside it', async () => {
    const entry = join(folder, 'asks.ts');
    await writeFile(
      entry,
      `import { openDuckDb } from '../../functions/sinks/s3/parquet/duckdb.ts';
       export const handler = async () =>
         (await openDuckDb()).exclusively((run) => run('SELECT 40 + 2'), AbortSignal.timeout(60_000));`,
    );
    const bundled = await completeBundle(await bundle(relative(REPOSITORY, entry), folder), 'here');
    const made = configuredBundle(bundled, { generation: 'g' });
    const script = `console.log(JSON.stringify(await (await import('./${BUNDLE_FILE}')).handler())); process.exit()`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: made,
      env: {},
    });
    expect(JSON.parse(stdout)).toEqual([[42]]);
  });

  test('is the only one that does: that of a sink of NDJSON has its code alone', async () => {
    const bundled = await completeBundle(await bundle(entryOf('ndjson'), folder), 'lambda');
    expect((await readdir(configuredBundle(bundled, { generation: 'g' }))).sort()).toEqual([BUNDLE_FILE, 'step.json']);
    expect(await readFile(join(bundled.path, BUNDLE_FILE), 'utf8')).not.toContain('duckdb');
  });
});

/** A small package of the lock file stands for a large one. */
const PACKAGE = 'detect-libc';

describe('the package of machine code', () => {
  async function lockWith(change: (locked: { version: string; integrity: string }) => object): Promise<string> {
    const { packages } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'));
    const path = join(await mkdtemp(join(folder, 'lock-')), 'package-lock.json');
    const locked = packages[`node_modules/${PACKAGE}`];
    await writeFile(
      path,
      JSON.stringify({ packages: { [`node_modules/${PACKAGE}`]: { ...locked, ...change(locked) } } }),
    );
    return path;
  }
  const newCache = () => mkdtemp(join(folder, 'cache-'));

  test('is fetched once: after that, no npm and no network are needed', async () => {
    const cache = await newCache();
    const { PATH } = process.env;
    const fetched = await fetchedPackage(PACKAGE, { cache });
    expect(await readdir(fetched)).toContain('package.json');
    expect((await readdir(cache)).map((name) => basename(name))).toHaveLength(1);
    try {
      process.env.PATH = '';
      expect(await fetchedPackage(PACKAGE, { cache })).toBe(fetched);
      await expect(fetchedPackage(PACKAGE, { cache: await newCache() })).rejects.toThrow(
        new RegExp(`^npm could not fetch ${PACKAGE}@.*needs, once: .*npm`),
      );
    } finally {
      process.env.PATH = PATH;
    }
  });

  test('is refused when its bytes are not those of the lock file', async () => {
    const lock = await lockWith(({ integrity }) => ({
      integrity: `${integrity.slice(0, 20)}AAAA${integrity.slice(24)}`,
    }));
    const cache = await newCache();
    await expect(fetchedPackage(PACKAGE, { cache, lock })).rejects.toThrow(/EINTEGRITY/);
    expect(await readdir(cache)).toEqual([]);
  });

  test('is fetched anew when the lock file names another version', async () => {
    const cache = await newCache();
    const lock = await lockWith(() => ({ version: '0.0.0-none' }));
    await fetchedPackage(PACKAGE, { cache });
    await expect(fetchedPackage(PACKAGE, { cache, lock })).rejects.toThrow(`${PACKAGE}@0.0.0-none`);
  });
});
