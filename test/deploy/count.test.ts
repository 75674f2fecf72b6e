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

  async function counted({ tests, deploy, commandFailed }: { tests?: object; deploy?: object; commandFailed: string }) {
    const files = [join(folder, 'tests.json'), join(folder, 'deploy.json')] as const;
    if (tests !== undefined) await writeFile(files[0], JSON.stringify(tests));
    if (deploy !== undefined) await writeFile(files[1], JSON.stringify(deploy));
    return new Promise<{ line: string | undefined; code: number }>((resolve) => {
      const args = [join(REPOSITORY, '.ci/count.mjs'), commandFailed, ...files];
      execFile(process.execPath, args, (error, said) =>
        resolve({ line: said.trimEnd().split('\n').at(-1), code: Number(error?.code ?? 0) }),
      );
    });
  }

  test.each<{ what: string; tests?: object; deploy?: object; commandFailed: '0' | '1'; line: string; code: number }>([
    { what: 'is the sum of both suites', ...both({}, {}), commandFailed: '0', line: '35 passed, 0 failed', code: 0 },
    {
      what: 'counts what failed in the deploy suite',
      ...both({}, { passed: 4, failed: 1 }),
      commandFailed: '1',
      line: '34 passed, 1 failed',
      code: 1,
    },
    {
      what: 'counts a suite that left no report as failed',
      tests: GREEN,
      commandFailed: '1',
      line: '30 passed, 1 failed',
      code: 1,
    },
    { what: 'counts both as failed when nothing ran', commandFailed: '1', line: '0 passed, 2 failed', code: 1 },
    {
      what: 'counts a test file that did not load as failed',
      ...both({ numFailedTestSuites: 1, success: false }, {}),
      commandFailed: '1',
      line: '35 passed, 1 failed',
      code: 1,
    },
    {
      what: 'counts a failure when only the type check has failed',
      ...both({}, {}),
      commandFailed: '1',
      line: '35 passed, 1 failed',
      code: 1,
    },
    {
      what: 'counts those that are skipped in both suites',
      ...both({ numPendingTests: 2 }, { skipped: 1 }),
      commandFailed: '0',
      line: '35 passed, 0 failed, 3 skipped',
      code: 0,
    },
    {
      what: 'fails when nothing has passed',
      ...both({ numPassedTests: 0 }, { passed: 0 }),
      commandFailed: '0',
      line: '0 passed, 0 failed',
      code: 1,
    },
  ])('$what', async ({ tests, deploy, commandFailed, line, code }) => {
    expect(await counted({ ...(tests && { tests }), ...(deploy && { deploy }), commandFailed })).toEqual({
      line,
      code,
    });
  });
});

function both(tests: object, deploy: object) {
  return { tests: { ...GREEN, ...tests }, deploy: { passed: 5, failed: 0, ...deploy } };
}
