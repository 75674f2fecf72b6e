import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { commands } from '../../../infra/cli/commands.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { shipped } from '../pipelines/shipped.ts';
import { createdTable } from './created.ts';
import { synthesized } from './synthesized.ts';

let page: string;
let runbook: string;

beforeAll(async () => {
  [page, runbook] = (await Promise.all(
    ['deploy', 'runbook'].map((name) => readFile(join(REPOSITORY, 'docs', `${name}.md`), 'utf8')),
  )) as [string, string];
});

test('docs/deploy.md lists the created resources: the failure shows the right list', async () => {
  const [, listed] = page.match(/<!-- created:[^>]*-->\n([\s\S]*?)\n<!-- \/created -->/) ?? [];
  expect(listed).toBe(createdTable(await synthesized({}, shipped)));
});

test('docs/deploy.md states the right numbers of shards and of those with longer retention', () => {
  const streams = shipped.flatMap((pipeline) => planOf(pipeline, shipped).streams);
  const count = (of: typeof streams) => of.reduce((sum, { shards }) => sum + Number(shards), 0);
  expect(page).toContain(`| ${count(streams)} shards at $11 |`);
  expect(page).toContain(
    `| ${count(streams.filter(({ retentionHours }) => retentionHours > 24))} of them kept for a week`,
  );
});

test('the pages name commands that exist', () => {
  const named = [...`${page}\n${runbook}`.matchAll(/npx millrace ([a-z-]+)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(5);
  for (const name of named) expect(Object.keys(commands)).toContain(name);
});
