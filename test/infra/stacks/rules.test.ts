import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONTEXT_KEYS } from '../../../infra/context.ts';
import { documentedStages, EVERY_KIND, findings } from './nag.ts';

const documented = await documentedStages();
/** The documented context with the most keys. `npm run test:python` takes them all. */
const richest = documented.reduce((most, one) =>
  Object.keys(one.context).length > Object.keys(most.context).length ? one : most,
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-rules-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the documents use every key of the context in a command', () => {
  const keys = new Set(documented.flatMap(({ context }) => Object.keys(context)));
  expect([...keys].sort()).toEqual(CONTEXT_KEYS.toSorted());
});

test.each([richest, EVERY_KIND])('cdk-nag finds nothing that is not explained in: $name', async (each) => {
  expect(await findings(each, await mkdtemp(join(folder, 'out-')))).toBe('');
});

test('cdk-nag works: it finds a bucket without TLS', async () => {
  const app = new App({ analyticsReporting: false, outdir: join(folder, 'nag') });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  new CfnBucket(new Stack(app, 'careless'), 'Bucket');
  expect(() => app.synth()).toThrow(/AwsSolutions-S10/);
});
