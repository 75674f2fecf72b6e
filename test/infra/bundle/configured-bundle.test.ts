import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUNDLE_FILE, bundle } from '../../../infra/bundle.ts';
import { configuredBundle } from '../../../infra/configured-bundle.ts';
import { type CompleteBundle, completeBundle } from '../../../infra/native-files.ts';
import { REPOSITORY } from '../../../infra/repository.ts';

/** A folder inside the repository, because the entry imports the runtime. */
let folder: string;
let bundled: CompleteBundle;

beforeAll(async () => {
  await mkdir(join(REPOSITORY, '.millrace'), { recursive: true });
  folder = await mkdtemp(join(REPOSITORY, '.millrace', 'configured-test-'));
  const entry = join(folder, 'entry.ts');
  await writeFile(
    entry,
    `import { readStepConfig } from '../../functions/runtime/step-config.ts'; export const handler = () => readStepConfig();`,
  );
  bundled = await completeBundle(await bundle(relative(REPOSITORY, entry), join(folder, 'bundles')), 'here');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Calls the bundle's handler in a process of its own, as Lambda does. */
async function called(path: string, environment: object): Promise<unknown> {
  const url = pathToFileURL(join(path, BUNDLE_FILE)).href;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', `console.log(JSON.stringify((await import(${JSON.stringify(url)})).handler()))`],
    { env: { STEP_CONFIG: JSON.stringify(environment) }, maxBuffer: 10_000_000 },
  );
  return JSON.parse(stdout);
}

const ENVIRONMENT = {
  stage: 'dev',
  pipeline: 'p',
  step: 's',
  checkpoints: 'c',
  deadLetters: 'd',
  resources: { host: 'db' },
};

test('a function gets options and columns of any size from its bundle, and the rest from its environment', async () => {
  const columns = Array.from({ length: 1_000 }, (_, n) => ({ name: `column_${n}`, type: 'text', nullable: true }));
  const config = { generation: 'g', options: { table: 't', note: 'x'.repeat(100_000) }, resources: { columns } };
  expect(await called(configuredBundle(bundled, config), ENVIRONMENT)).toEqual({
    ...ENVIRONMENT,
    ...config,
    resources: { host: 'db', columns },
  });
});

test("the bundle's options win over those that an earlier version left in the environment", async () => {
  const before = {
    ...ENVIRONMENT,
    generation: 'old',
    options: { table: 'old' },
    resources: { host: 'db', columns: [] },
  };
  const path = configuredBundle(bundled, { generation: 'new', options: { table: 'new' } });
  expect(await called(path, before)).toEqual({ ...before, generation: 'new', options: { table: 'new' } });
});

test('a bundle without a configuration of its own takes all of it from the environment', async () => {
  const whole = { ...ENVIRONMENT, generation: 'g' };
  expect(await called(bundled.path, whole)).toEqual(whole);
});

test('the folder is the same for the same code and configuration, and holds both files only', async () => {
  const first = configuredBundle(bundled, { generation: 'a' });
  expect(configuredBundle(bundled, { generation: 'a' })).toBe(first);
  expect(configuredBundle(bundled, { generation: 'b' })).not.toBe(first);
  expect((await readdir(first)).toSorted()).toEqual([BUNDLE_FILE, 'step.json']);
});
