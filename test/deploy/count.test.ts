import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

const GREEN = {
  numPassedTests: 30,
  numFailedTests: 0,
  numFailedTestSuites: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  success: true,
};

describe('the last line of CI', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-count-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function counted({ tests, pages, deploy, commandFailed }: Reports & { commandFailed: string }) {
    const files = [join(folder, 'tests.json'), join(folder, 'pages.json'), join(folder, 'deploy.json')] as const;
    if (tests !== undefined) await writeFile(files[0], JSON.stringify(tests));
    if (pages !== undefined) await writeFile(files[1], JSON.stringify(pages));
    if (deploy !== undefined) await writeFile(files[2], JSON.stringify(deploy));
    return new Promise<{ line: string | undefined; code: number }>((resolve) => {
      const args = [join(REPOSITORY, '.ci/count.mjs'), commandFailed, ...files];
      execFile(process.execPath, args, (error, said) =>
        resolve({ line: said.trimEnd().split('\n').at(-1), code: Number(error?.code ?? 0) }),
      );
    });
  }

  test.each<Reports & { what: string; commandFailed: '0' | '1'; line: string; code: number }>([
    { what: 'is the sum of all suites', ...all({}, {}), commandFailed: '0', line: '42 passed, 0 failed', code: 0 },
    {
      what: 'counts what failed in the deploy suite',
      ...all({}, { passed: 4, failed: 1 }),
      commandFailed: '1',
      line: '41 passed, 1 failed',
      code: 1,
    },
    {
      what: 'counts a suite that left no report as failed',
      tests: GREEN,
      pages: GREEN,
      commandFailed: '1',
      line: '60 passed, 1 failed',
      code: 1,
    },
    { what: 'counts all as failed when nothing ran', commandFailed: '1', line: '0 passed, 3 failed', code: 1 },
    {
      what: 'counts a test file that did not load as failed',
      ...all({ numFailedTestSuites: 1, success: false }, {}),
      commandFailed: '1',
      line: '42 passed, 1 failed',
      code: 1,
    },
    {
      what: 'counts a failure when only the type check has failed',
      ...all({}, {}),
      commandFailed: '1',
      line: '42 passed, 1 failed',
      code: 1,
    },
    {
      what: 'counts those that are skipped in any suite',
      ...all({ numPendingTests: 2 }, { skipped: 1 }),
      commandFailed: '0',
      line: '42 passed, 0 failed, 3 skipped',
      code: 0,
    },
    {
      what: 'fails when nothing has passed',
      ...all({ numPassedTests: 0 }, { passed: 0 }),
      pages: { ...GREEN, numPassedTests: 0 },
      commandFailed: '0',
      line: '0 passed, 0 failed',
      code: 1,
    },
  ])('$what', async ({ tests, pages, deploy, commandFailed, line, code }) => {
    const reports = { ...(tests && { tests }), ...(pages && { pages }), ...(deploy && { deploy }) };
    expect(await counted({ ...reports, commandFailed })).toEqual({
      line,
      code,
    });
  });
});

/** What each runner has left. */
interface Reports {
  readonly tests?: object;
  readonly pages?: object;
  readonly deploy?: object;
}

function all(tests: object, deploy: object): Required<Reports> {
  const pages = { ...GREEN, numPassedTests: 7 };
  return { tests: { ...GREEN, ...tests }, pages, deploy: { passed: 5, failed: 0, ...deploy } };
}
