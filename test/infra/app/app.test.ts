import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pipelines } from '../../../infra/pipelines/all.ts';
import { REPOSITORY } from '../../../infra/repository.ts';

/** The PATH of a globally installed `cdk`: this repository's own Node is not in it. */
const OUTSIDE = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.split(sep).includes('node_modules'))
  .join(delimiter);

let output: string;

beforeAll(async () => {
  output = await mkdtemp(join(tmpdir(), 'millrace-app-'));
});

afterAll(() => rm(output, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `cdk` with the system's Node. */
function cdk(...args: string[]): Promise<Ended> {
  const node = OUTSIDE.split(delimiter)
    .map((folder) => join(folder, 'node'))
    .find((path) => existsSync(path));
  const { AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...environment } = process.env;
  return new Promise((resolve) => {
    execFile(
      node ?? process.execPath,
      [join(REPOSITORY, 'node_modules', 'aws-cdk', 'bin', 'cdk'), ...args],
      { cwd: REPOSITORY, env: { ...environment, PATH: OUTSIDE, CI: 'true' } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe("`cdk synth` with the system's Node", () => {
  test('makes every stack without an account and without a warning', async () => {
    const { code, stdout, stderr } = await cdk('synth', '--quiet', '--output', output, '-c', 'stage=test');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout + stderr.replaceAll(/^npm warn.*$/gim, '')).not.toMatch(/warning|deprecated|feature flags/i);
    const templates = (await readdir(output)).filter((name) => name.endsWith('.template.json'));
    const deployed = pipelines.filter(({ onlyWithDatabase }) => onlyWithDatabase === undefined);
    const expected = ['millrace-test', ...deployed.map(({ name }) => `millrace-test-${name}`)];
    expect(templates.sort()).toEqual(expected.map((name) => `${name}.template.json`).sort());
  });

  test('writes no path of this machine into a template', async () => {
    const platform = await readFile(join(output, 'millrace-test.template.json'), 'utf8');
    expect(platform).toContain('millrace-test-checkpoints');
    expect(platform).not.toContain(REPOSITORY);
  });

  test('reports each mistake in the context in one line, without a stack trace', async () => {
    const { code, stderr } = await cdk('synth', '--quiet', '--output', output, '-c', 'stge=test');
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      "context cannot be used:\n  context: 'stge': unknown key; use one of stage, pipelines, removal, alarms, database, databaseClass, databases, network, zones, native, key",
    );
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
