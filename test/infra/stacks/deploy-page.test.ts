import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { commands } from '../../../infra/cli/commands.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { shipped } from '../pipelines/shipped.ts';
import { costOf } from './cost.ts';
import { createdTable } from './created.ts';
import { type SynthesizedStage, synthesized } from './synthesized.ts';

let page: string;
let runbook: string;
let stage: SynthesizedStage;

beforeAll(async () => {
  stage = await synthesized({}, shipped);
  [page, runbook] = (await Promise.all(
    ['deploy', 'runbook'].map((name) => readFile(join(REPOSITORY, 'docs', `${name}.md`), 'utf8')),
  )) as [string, string];
});

test('docs/deploy.md lists the created resources: the failure shows the right list', () => {
  const [, listed] = page.match(/<!-- created:[^>]*-->\n([\s\S]*?)\n<!-- \/created -->/) ?? [];
  expect(listed).toBe(createdTable(stage));
});

test('docs/deploy.md says what the stage costs, computed from its templates: the failure shows the right table', () => {
  const [, listed] = page.match(/<!-- cost:[^>]*-->\n([\s\S]*?)\n<!-- \/cost -->/) ?? [];
  const { table, small, withoutDatabase } = costOf(stage);
  expect(listed).toBe(table);
  expect(page.replaceAll('\n', ' ')).toContain(
    `without \`shards\` it costs ${small}, and with a database that exists ${withoutDatabase} less`,
  );
});

test('the pages name commands that exist', () => {
  const named = [...`${page}\n${runbook}`.matchAll(/npx millrace ([a-z-]+)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(5);
  for (const name of named) expect(Object.keys(commands)).toContain(name);
});

test('docs/deploy.md says which rights a deployer needs: to act as the roles of cdk bootstrap, and to see stacks', () => {
  const policies = [...page.matchAll(/```json\n([\s\S]*?)\n```/g)].map(([, text = '']) => JSON.parse(text));
  const [deployer] = policies as { Action: string; Resource: string | string[] }[][];
  expect(deployer?.map(({ Action }) => Action)).toEqual(['sts:AssumeRole', 'cloudformation:DescribeStacks']);
  expect(deployer?.[1]?.Resource).toEqual([
    'arn:aws:cloudformation:<region>:<account>:stack/CDKToolkit/*',
    'arn:aws:cloudformation:<region>:<account>:stack/millrace-<stage>/*',
    'arn:aws:cloudformation:<region>:<account>:stack/millrace-<stage>-*',
  ]);
});
