import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-ends-'));
  // Under root Postgres runs as another user, which has to read this folder.
  await chmod(folder, 0o755);
});
afterEach(() => rm(folder, { recursive: true, maxRetries: 10, retryDelay: 200 }));

test('npm run test:deploy ends the servers that it started, even when it is interrupted', async () => {
  const env = { ...process.env, TMPDIR: folder, AWS_ENDPOINT_URL: '' };
  const suite = spawn(process.execPath, [join(REPOSITORY, 'test/deploy/main.ts')], { cwd: folder, env });
  const ended = new Promise<number | null>((resolve) => suite.once('close', resolve));
  const left = async () => (await readdir(folder)).filter((name) => name.startsWith('millrace-'));
  let said = '';
  const endpoint = await new Promise<string>((resolve, reject) => {
    for (const stream of [suite.stdout, suite.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
        const found = /on MiniStack at (http:\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    void ended.then(() => reject(new Error(said)));
  });
  expect((await fetch(`${endpoint}/_ministack/health`)).status).toBe(200);
  expect((await left()).length).toBeGreaterThan(0);

  suite.kill('SIGTERM');
  expect(await ended).toBe(143);
  await expect(fetch(endpoint)).rejects.toThrow('fetch failed');
  // Postgres had its data in this folder, and the suite its logs.
  expect(await left()).toEqual([]);
});
