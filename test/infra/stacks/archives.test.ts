import { beforeAll, expect, test } from 'vitest';
import { parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { basket, CartEvent } from '../../../functions/tables/basket.ts';
import { definePipeline, hours, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { planOf, type TablePlan } from '../../../infra/pipelines/plan.ts';
import { asText, synthesized } from './synthesized.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent }, other: { schema: CartEvent } },
  tables: { basket: { from: 'cart', keep: basket }, others: { from: 'other', keep: basket } },
  sinks: { lake: { from: 'other', write: s3Sink({ prefix: 'other' }), every: hours(1) } },
});

/** The archive is in another pipeline. */
const keeping = definePipeline({
  name: 'keeping',
  streams: { cart: streamOf(shop, 'cart') },
  sinks: { archive: { from: 'cart', write: s3Sink({ prefix: 'cart-log', lines: 'record' }), every: hours(1) } },
});

test('a table finds the archive of its stream in any pipeline, and no sink that writes events', () => {
  const tables = planOf(shop, [shop, keeping]).steps.filter((step): step is TablePlan => step.kind === 'table');
  expect(tables.map(({ archive }) => archive)).toEqual([{ step: 'keeping/archive', prefix: 'cart-log' }, undefined]);
});

let template: Awaited<ReturnType<typeof synthesized>>;
beforeAll(async () => {
  template = await synthesized({}, [shop, keeping]);
});

test('its function is told where the archive is, and may read there and nowhere else in the lake', () => {
  const stack = template.stack('millrace-dev-shop').template;
  const functions = Object.values(stack.findResources('AWS::Lambda::Function'));
  const of = (name: string) => functions.find(({ Properties }) => Properties.FunctionName === name)?.Properties;
  const archiveOf = (name: string) =>
    parseEnvironmentConfig(asText(of(name)?.Environment.Variables.STEP_CONFIG)).input?.archive;
  expect(archiveOf('millrace-dev-shop--basket')).toEqual({
    bucket: expect.stringContaining('lake'),
    prefix: 'cart-log',
  });
  expect(archiveOf('millrace-dev-shop--others')).toBeUndefined();
  const roles = Object.values(stack.findResources('AWS::IAM::Role')).map(({ Properties }) =>
    JSON.stringify(Properties),
  );
  const policies = roles.filter((role) => role.includes('ReadsTheArchiveOfItsInput'));
  expect(policies).toHaveLength(1);
  expect(policies[0]).toContain('"/cart-log/*"');
  expect(policies[0]).toContain('"s3:prefix":"cart-log/*"');
});
