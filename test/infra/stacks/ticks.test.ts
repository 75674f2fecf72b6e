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

test('the copy of an existing stream gets ticks from a function that may see the end of the stream and how far its copy is', async () => {
  const arn = 'arn:aws:kinesis:eu-west-1:123456789012:stream/theirs';
  const far = definePipeline({
    name: 'far',
    streams: { theirs: { schema: CartEvent, existing: arn } },
    tables: { basket: { from: 'theirs', keep: { ...basket, windows } } },
  });
  const { template } = (await synthesized({}, [far])).stack('millrace-dev-far');
  const FunctionName = 'millrace-dev-far--theirs-timed--ticks';
  const [ticks] = Object.values(template.findResources('AWS::Lambda::Function', { Properties: { FunctionName } }));
  const { Environment, Role } = ticks?.Properties ?? {};
  const { input, output, options } = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
  expect([input?.stream, options]).toEqual([arn, { copy: 'far/theirs-copy' }]);
  expect(output?.stream).toContain('stream/millrace-dev-far--theirs-timed');
  const role = template.toJSON().Resources[Role['Fn::GetAtt'][0]];
  const [, , sees, checkpoints] = role.Properties.Policies[0].PolicyDocument.Statement;
  expect(sees).toMatchObject({ Sid: 'SeesTheEndOfTheStreamThatIsCopied', Resource: arn });
  expect(checkpoints).toMatchObject({
    Action: 'dynamodb:GetItem',
    Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['far/theirs-copy'] } },
  });
  template.hasResourceProperties('AWS::Lambda::EventSourceMapping', { EventSourceArn: arn });
});
