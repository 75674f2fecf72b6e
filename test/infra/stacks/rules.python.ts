import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMPARED } from '../../../infra/stacks/kept.ts';
import { pythonEnvironment } from '../../kit/python-environment.ts';
import { documentedStages, EVERY_KIND, findings } from './nag.ts';
import { synthesized } from './synthesized.ts';

let folder: string;
let bin: string;
/** The shipped pipelines in every documented context, and an example pipeline with every kind of step. */
const CASES = [...(await documentedStages()), EVERY_KIND];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-rules-'));
  bin = await pythonEnvironment(['cfn-lint==1.58.0'], 'to hold the templates against cfn-lint');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(CASES)('cdk-nag finds nothing that is not explained in: $name', async (each) => {
  expect(await findings(each, await mkdtemp(join(folder, 'out-')))).toBe('');
});

/**
 * One run of cfn-lint checks every property of every resource that any template has, in as few templates as possible.
 */
test('cfn-lint finds nothing in any template of these stages', async () => {
  const made = await readdir(folder, { recursive: true });
  const left = new Map<string, Set<string>>();
  for (const name of made.filter((file) => file.startsWith('out-') && file.endsWith('.template.json')).sort())
    left.set(join(folder, name), new Set(shapesIn(JSON.parse(await readFile(join(folder, name), 'utf8')))));
  expect(left.size).toBeGreaterThan(CASES.length);
  const templates: string[] = [];
  for (;;) {
    const [path, shapes] = [...left].reduce((most, one) => (one[1].size > most[1].size ? one : most));
    if (shapes.size === 0) break;
    templates.push(path);
    for (const [other, others] of left) left.set(other, new Set([...others].filter((shape) => !shapes.has(shape))));
  }
  expect(templates.length).toBeGreaterThan(4);
  expect(await linted(templates)).toEqual({ code: 0, said: '' });
});

/** Names each property of each resource of a template, by the resource's type and the path to the property. */
function shapesIn(template: { readonly Resources: Record<string, { readonly Type: string }> }): readonly string[] {
  const pathsIn = (value: unknown, path: string): readonly string[] =>
    value === null || typeof value !== 'object'
      ? [path]
      : Object.entries(value).flatMap(([key, one]) => pathsIn(one, Array.isArray(value) ? path : `${path}/${key}`));
  return Object.values(template.Resources).flatMap((resource) => pathsIn(resource, resource.Type));
}

test('cfn-lint works: it finds a property that does not exist', async () => {
  const path = join(folder, 'wrong.template.json');
  await writeFile(
    path,
    JSON.stringify({ Resources: { S: { Type: 'AWS::Kinesis::Stream', Properties: { Shards: 1 } } } }),
  );
  const { code, said } = await linted([path]);
  expect(code).not.toBe(0);
  expect(said).toContain('Shards');
});

/** AWS's own schemas, which cfn-lint carries, name the properties whose change replaces a resource. */
test('every property whose change would replace data is recorded', async () => {
  const script = [
    'import json, sys, cfnlint, pathlib',
    "root = pathlib.Path(cfnlint.__file__).parent / 'data' / 'schemas'",
    "hashes = json.loads((root / 'providers' / 'us-east-1.json').read_text())",
    "schema = lambda t: json.loads((root / 'resources' / (hashes[t] + '.json')).read_text())",
    "print(json.dumps({t: [p.split('/')[2] for p in schema(t).get('createOnlyProperties', [])] for t in sys.argv[1:]}))",
  ].join('\n');
  const { stdout } = await promisify(execFile)(join(bin, 'python'), ['-c', script, ...Object.keys(COMPARED)]);
  const createOnly = JSON.parse(stdout) as Record<string, readonly string[]>;
  for (const { template } of (await synthesized()).stacks.values()) {
    for (const [id, { Type, Properties = {} }] of resourcesOf(template)) {
      const replacing = (createOnly[Type] ?? []).filter((name) => Properties[name] !== undefined);
      expect(COMPARED[Type] ?? [], id).toEqual(expect.arrayContaining(replacing));
    }
  }
});

function resourcesOf(template: Template): [string, { Type: string; Properties?: Record<string, unknown> }][] {
  return Object.entries((template.toJSON() as { Resources: Record<string, never> }).Resources);
}

function linted(paths: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    // W3010: a zone stands in the template by its name when the context names it.
    execFile(join(bin, 'cfn-lint'), ['--ignore-checks', 'W3010', '--', ...paths], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
  });
}
