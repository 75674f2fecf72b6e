import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, expect, test } from 'vitest';
import { ordersWithCustomers } from '../../../functions/joins/orders-with-customers.sql.ts';
import { parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { Customer } from '../../../functions/transforms/customers.ts';
import { Order } from '../../../functions/transforms/order-events.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { asText, synthesized } from './synthesized.ts';

const shop = definePipeline({
  name: 'shop',
  streams: {
    orders: { schema: Order },
    customers: { schema: Customer },
    orders_with_customers: { schema: ordersWithCustomers.to },
  },
  joins: {
    joined: {
      from: { orders: 'orders', customers: 'customers' },
      apply: ordersWithCustomers,
      to: 'orders_with_customers',
      shards: 3,
    },
  },
});

let template: Template;
beforeAll(async () => {
  template = (await synthesized({}, [shop])).stack('millrace-dev-shop').template;
});

test('a join is three functions and one internal stream, and only the function that joins is in the network', () => {
  const streams = Object.values(template.findResources('AWS::Kinesis::Stream')).map(({ Properties }) => [
    Properties.Name,
    Properties.ShardCount,
  ]);
  expect(streams).toContainEqual(['millrace-dev-shop--joined-by-key', 3]);
  const functions = Object.values(template.findResources('AWS::Lambda::Function')).map(({ Properties }) => Properties);
  const byName = new Map(
    functions.map((properties) => [String(properties.FunctionName).split('--').at(-1), properties]),
  );
  expect([...byName.keys()].sort()).toEqual(['joined', 'joined-customers', 'joined-orders']);
  expect([...byName].map(([name, { VpcConfig }]) => [name, VpcConfig !== undefined]).sort()).toEqual([
    ['joined', true],
    ['joined-customers', false],
    ['joined-orders', false],
  ]);
  const config = parseEnvironmentConfig(asText(byName.get('joined')?.Environment.Variables.STEP_CONFIG));
  expect(config).toMatchObject({ output: { stream: expect.anything() }, resources: { auth: { iam: true } } });
});
