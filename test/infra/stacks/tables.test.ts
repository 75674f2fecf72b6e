import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, expect, test } from 'vitest';
import { parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { BasketRow, basket, CartEvent } from '../../../functions/tables/basket.ts';
import { cartContents } from '../../../functions/tables/cart-contents.sql.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { asText, synthesized } from './synthesized.ts';

const shop = definePipeline({
  name: 'shop',
  streams: { cart: { schema: CartEvent } },
  tables: { basket: { from: 'cart', keep: basket, formerly: 'cart_now', fanOut: true } },
});

/** The same with a change stream, which another step reads. */
const publishing = definePipeline({
  name: 'carts',
  streams: { cart: { schema: CartEvent }, basket_changes: { schema: BasketRow } },
  tables: { basket: { from: 'cart', keep: basket, changes: 'basket_changes' } },
  sinks: {
    copy: {
      from: 'basket_changes',
      write: postgresSink({ table: 'copy', key: ['customer_id', 'item'], mode: 'mirror' }),
    },
  },
});

let template: Template;
let withChanges: Template;
beforeAll(async () => {
  const stacks = await synthesized({}, [shop, publishing]);
  template = stacks.stack('millrace-dev-shop').template;
  withChanges = stacks.stack('millrace-dev-carts').template;
});

const statementsOf = (of: Template, name: string): readonly { Sid: string; Effect: string }[] =>
  Object.values(of.findResources('AWS::IAM::Role'))
    .filter(({ Properties }) => JSON.stringify(Properties).includes(name))
    .flatMap(({ Properties }) =>
      (Properties.Policies as { PolicyDocument: { Statement: { Sid: string; Effect: string }[] } }[]).flatMap(
        ({ PolicyDocument }) => PolicyDocument.Statement,
      ),
    );

test('a table step with a change stream may append to it too, and its readers see which shards it has drained', () => {
  const functions = Object.values(withChanges.findResources('AWS::Lambda::Function'));
  const table = functions.find(({ Properties }) => Properties.FunctionName === 'millrace-dev-carts--basket');
  const config = parseEnvironmentConfig(asText(table?.Properties.Environment.Variables.STEP_CONFIG));
  expect(config.output?.stream).toContain('stream/millrace-dev-carts--basket_changes');
  expect(config.options).toBeUndefined();
  const appends = statementsOf(withChanges, 'carts--basket').find(({ Sid }) => Sid === 'AppendsToItsOutput');
  expect(JSON.stringify(appends)).toContain('stream/millrace-dev-carts--basket_changes');
  const drained = statementsOf(withChanges, 'carts--copy').find(({ Sid }) => Sid.startsWith('SeesWhichShards'));
  expect(JSON.stringify(drained)).toContain('"carts/basket"');
});

test('a table step is one function in the network of the database, with a mapping of its stream', () => {
  const functions = Object.values(template.findResources('AWS::Lambda::Function'));
  expect(functions).toHaveLength(1);
  const { FunctionName, Description, Environment, VpcConfig, Timeout } = functions[0]?.Properties ?? {};
  expect({ FunctionName, Description, Timeout }).toEqual({
    FunctionName: 'millrace-dev-shop--basket',
    Description: 'table basket of pipeline shop',
    Timeout: 300,
  });
  expect(VpcConfig.SubnetIds).toHaveLength(2);
  const config = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
  expect(config).toMatchObject({ pipeline: 'shop', step: 'basket', formerly: 'cart_now' });
  expect(config.resources).toMatchObject({ auth: { iam: true } });
  expect(config).not.toHaveProperty('output');
  template.resourceCountIs('AWS::Kinesis::StreamConsumer', 1);
  template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
    StartingPosition: 'TRIM_HORIZON',
    ParallelizationFactor: 1,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
});

test('a table in SQL is deployed as one in TypeScript is', async () => {
  const tables = { contents: { from: 'cart', keep: cartContents } } as const;
  const pipeline = definePipeline({ name: 'shop', streams: { cart: { schema: CartEvent } }, tables });
  const { template: made } = (await synthesized({}, [pipeline])).stack('millrace-dev-shop');
  made.hasResourceProperties('AWS::Lambda::Function', { FunctionName: 'millrace-dev-shop--contents', Timeout: 300 });
  made.resourceCountIs('AWS::Lambda::EventSourceMapping', 1);
});

test('a table step may read its stream, log in to the database and keep its own checkpoints, and nothing more', () => {
  const roles = Object.values(template.findResources('AWS::IAM::Role'));
  const statements = roles.flatMap(({ Properties }) =>
    (Properties.Policies as { PolicyDocument: { Statement: { Sid: string; Effect: string }[] } }[]).flatMap(
      ({ PolicyDocument }) => PolicyDocument.Statement,
    ),
  );
  const allowed = statements.filter(({ Effect }) => Effect === 'Allow').map(({ Sid }) => Sid);
  expect(allowed.toSorted()).toEqual([
    'KeepsDiscardedBatches',
    'KeepsItsDeadLetters',
    'LetsLambdaJoinTheNetwork',
    'LetsLambdaSeeTheBucketOfDiscardedBatches',
    'ListensToItsConsumer',
    'LogsInToTheDatabaseByIam',
    'MovesItsOwnCheckpoints',
    'ReadsItsInput',
    'WritesItsLog',
  ]);
  const checkpoints = statements.find(({ Sid }) => Sid === 'MovesItsOwnCheckpoints');
  expect(JSON.stringify(checkpoints)).toContain('["shop/basket","shop/cart_now"]');
});

test('a table step has the alarms and the row of the dashboard that other continuous steps have', () => {
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) =>
    String(Properties.AlarmName),
  );
  const own = alarms.filter((name) => name.includes('--basket--')).map((name) => name.split('--').at(-1));
  expect(own).toEqual(expect.arrayContaining(['crashes', 'errors', 'throttles', 'lag', 'dead-letters']));
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  expect(JSON.stringify(dashboard)).toContain('## table basket ← cart');
  expect(JSON.stringify(dashboard)).toMatch(/## database.*DatabaseConnections.*TransactionLogsDiskUsage/);
});
