import { expect, test } from 'vitest';
import { parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { basket, CartEvent } from '../../../functions/tables/basket.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { asText, synthesized } from './synthesized.ts';

const windows = { kind: 'tumbling', gapMillis: 0, graceMillis: 0, retentionMillis: 0, emit: 'changes' } as const;
const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent } },
  tables: { basket: { from: 'cart', keep: { ...basket, windows } } },
});

test('the stream of a table with windows gets a tick each minute, with the time of the schedule, from a function that may only append', async () => {
  const { template } = (await synthesized({}, [shop])).stack('millrace-dev-shop');
  const name = 'millrace-dev-shop--cart--ticks';
  template.hasResourceProperties('AWS::Scheduler::Schedule', {
    Name: name,
    ScheduleExpression: 'rate(1 minute)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: { Input: '{"tick":"<aws.scheduler.scheduled-time>"}', RetryPolicy: { MaximumRetryAttempts: 0 } },
  });
  const [ticks] = Object.values(
    template.findResources('AWS::Lambda::Function', { Properties: { FunctionName: name } }),
  );
  const { Environment, Role, Timeout, VpcConfig } = ticks?.Properties ?? {};
  expect([Timeout, VpcConfig]).toEqual([55, undefined]);
  const { output } = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
  expect(output?.stream).toContain('stream/millrace-dev-shop--cart');
  const role = template.toJSON().Resources[Role['Fn::GetAtt'][0]];
  const statements = role.Properties.Policies[0].PolicyDocument.Statement as { Sid: string }[];
  expect(statements.map(({ Sid }) => Sid)).toEqual(['WritesItsLog', 'AppendsToItsOutput']);
  const bundled = Object.values(template.findResources('AWS::Lambda::Function')).map(
    ({ Properties }) => Properties.FunctionName,
  );
  expect(bundled.sort()).toEqual(['millrace-dev-shop--basket', name]);
});
