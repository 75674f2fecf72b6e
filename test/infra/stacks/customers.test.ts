import { beforeAll, expect, test } from 'vitest';
import { parseContext } from '../../../infra/context.ts';
import { customers } from '../../../infra/pipelines/customers.ts';
import { orders } from '../../../infra/pipelines/orders.ts';
import { currentKept } from '../../../infra/stacks/kept-files.ts';
import { asText, type Synthesized, type SynthesizedStage, synthesized } from './synthesized.ts';

const all = [orders, customers];
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCdEf';
const crm = { host: 'crm.example.com', name: 'crm', user: 'millrace_reader', secret: SECRET, ca: 'public' };

let stage: SynthesizedStage;
let stack: Synthesized;
beforeAll(async () => {
  stage = await synthesized({ databases: { crm } }, all);
  stack = stage.stack('millrace-dev-customers');
});

const functionNamed = (step: string) => {
  const FunctionName = `millrace-dev-customers--${step}`;
  const [found] = Object.values(
    stack.template.findResources('AWS::Lambda::Function', { Properties: { FunctionName } }),
  );
  return found?.Properties;
};

test('a stage whose context has no database `crm` does not get the pipeline that follows one, and says so', async () => {
  const without = await synthesized({}, all);
  expect([...without.stacks.keys()]).toEqual(['millrace-dev', 'millrace-dev-orders']);
  expect(without.stack('millrace-dev').infos).toEqual([
    `pipeline 'customers' is left out: it reads the database 'crm', and the context has none of that name; add it with -c databases='{"crm":{…}}' (docs/databases.md#on-aws)`,
  ]);
  expect([...without.stacks.values()].flatMap(({ warnings }) => warnings)).toEqual([]);
});

test('who names that pipeline without the database hears what to add', async () => {
  await expect(synthesized({ pipelines: 'orders,customers' }, all)).rejects.toThrow(
    "pipeline 'customers' cannot be deployed: it reads the database 'crm', and the context has none of that name; add it with -c databases=",
  );
});

test('the source logs in to the database `crm` with the password of its secret, and runs in no network of ours', () => {
  const source = functionNamed('crm');
  expect(source?.VpcConfig).toBeUndefined();
  const { resources } = JSON.parse(asText(source?.Environment.Variables.STEP_CONFIG));
  expect(resources).toMatchObject({ host: 'crm.example.com', database: 'crm', auth: { secret: SECRET }, ca: 'public' });
  const role = stack.template.toJSON().Resources[source?.Role['Fn::GetAtt'][0]];
  const statements = role.Properties.Policies[0].PolicyDocument.Statement as { Sid: string; Resource: unknown }[];
  expect(statements.find(({ Sid }) => Sid === 'ReadsThePasswordOfTheDatabaseUser')?.Resource).toBe(SECRET);
});

test("the mirror writes to the stage's own database, inside its network", () => {
  const mirror = functionNamed('mirror');
  expect(mirror?.VpcConfig).toBeDefined();
  expect(asText(mirror?.Environment.Variables.STEP_CONFIG)).toContain('"iam":true');
});

test('the pipeline is deployed after that of the orders, without a warning, with the alarms of a source that a schedule reads', () => {
  expect(stack.after).toEqual(expect.arrayContaining(['millrace-dev', 'millrace-dev-orders']));
  expect([...stage.stacks.values()].flatMap(({ warnings }) => warnings)).toEqual([]);
  const alarms = Object.values(stack.template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) =>
    String(Properties.AlarmName),
  );
  const ofSource = alarms.filter((name) => name.startsWith('millrace-dev-customers--crm--'));
  expect(ofSource.map((name) => name.split('--').at(-1)).sort()).toEqual([
    'crashes',
    'dead-letters',
    'errors',
    'log-kept',
    'stopped',
    'throttles',
  ]);
});

test('what the pipeline keeps is recorded, whatever databases a context has', async () => {
  const kept = await currentKept(all, parseContext({ stage: 'other' }));
  expect([...kept.keys()]).toContain('infra/pipelines/customers.kept.json');
});
