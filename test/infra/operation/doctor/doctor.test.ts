import { PutObjectCommand } from '@aws-sdk/client-s3';
import {
  GetQueueUrlCommand,
  PurgeQueueCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { doctor } from '../../../../infra/cli/commands/doctor.ts';
import { VISIBILITY_SECONDS } from '../../../../infra/delivery.ts';
import { ACCOUNT, REGION } from '../../../../infra/local/target.ts';
import { examine } from '../../../../infra/operation/doctor/doctor.ts';
import type { Finding } from '../../../../infra/operation/doctor/finding.ts';
import { orders } from '../../../../infra/pipelines/orders.ts';
import { definePipeline } from '../../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';
import { sensors } from '../../../../infra/pipelines/sensors.ts';
import { Order, shop, table } from '../../pipelines/example.ts';
import { configurationOf } from './lambda-answers.ts';
import { type StageEndpoint, startStageEndpoint } from './stage-endpoint.ts';

const plan = planOf(shop, [shop]);
const running = new AsyncDisposableStack();
let stage: StageEndpoint;
let intact: StageEndpoint['answers'];

beforeAll(async () => {
  // This order: the pipelines of the repository are for the command, which reads infra/pipelines/all.ts.
  stage = await startStageEndpoint('test', [plan, planOf(sensors, [orders, sensors])], running);
  intact = new Map(stage.answers);
});
afterEach(() => {
  stage.answers.clear();
  for (const [path, answer] of intact) stage.answers.set(path, answer);
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});
afterAll(() => running.disposeAsync());

const nameOf = (step: string): string => stage.names.step('shop', step);
const functionPath = (step: string): string => `GET /2015-03-31/functions/${nameOf(step)}/configuration`;
const mappingPath = (step: string): string => `GET /2015-03-31/event-source-mappings?FunctionName=${nameOf(step)}`;
const signal = AbortSignal.timeout(60_000);
/** None of these pipelines has a sink with a secret. */
const NO_SECRETS = { send: () => Promise.reject(new Error('no secret is read')) };

function examined(nowMillis = Date.now()): Promise<readonly Finding[]> {
  return examine([plan], { target: stage, lambda: stage.lambda, secrets: NO_SECRETS, signal }, nowMillis);
}

async function notOk(nowMillis?: number): Promise<readonly Finding[]> {
  return (await examined(nowMillis)).filter(({ state }) => state !== 'ok');
}

/** Changes what Lambda answers. */
function change(path: string, changed: (body: Record<string, unknown>) => unknown): void {
  const given = stage.answers.get(path);
  if (given === undefined) throw new Error(`nothing answers ${path}`);
  stage.answers.set(path, { ...given, body: changed(structuredClone(given.body) as Record<string, unknown>) });
}

function changeMapping(step: string, settings: object): void {
  change(mappingPath(step), ({ EventSourceMappings }) => ({
    EventSourceMappings: (EventSourceMappings as object[]).map((mapping) => ({ ...mapping, ...settings })),
  }));
}

test('a stage that is as the repository deploys it has nothing wrong, and each step is looked at', async () => {
  const findings = await examined();
  expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
  const looked = findings.map(({ of, what }) => `${of} ${what}`);
  for (const each of ['till url', 'uploads mapping', 'uploads queue', 'ordering mapping', 'lake scheduled calls'])
    expect(looked).toContain(`shop/${each}`);
  for (const { name } of plan.steps) expect(looked).toContain(`shop/${name} function`);
  for (const { name } of plan.streams) expect(looked).toContain(`${stage.names.stream('shop', name)} stream`);
});

describe('what is wrong is found, with what to do:', () => {
  test.each<{ what: string; step: string; settings: object; found: string; fix: RegExp }>([
    {
      what: 'a mapping that is off',
      step: 'ordering',
      settings: { State: 'Disabled' },
      found: 'it is Disabled',
      fix: /^enable it: .*--uuid u-1$/,
    },
    {
      what: 'a mapping that is being updated',
      step: 'ordering',
      settings: { State: 'Updating' },
      found: 'it is Updating',
      fix: /^wait a minute/,
    },
    {
      what: 'a mapping that loses events',
      step: 'ordering',
      settings: { BisectBatchOnFunctionError: false, DestinationConfig: {} },
      found: 'BisectBatchOnFunctionError is false, not true; DestinationConfig is {}, not {"OnFailure":',
      fix: /npx cdk deploy --all -c stage=test$/,
    },
    {
      what: 'a mapping whose calls fail',
      step: 'order_table',
      settings: { LastProcessingResult: 'PROBLEM: Function call failed' },
      found: 'PROBLEM: Function call failed',
      fix: /runbook/,
    },
    {
      what: 'a queue that is read without a bound',
      step: 'uploads',
      settings: { ScalingConfig: {} },
      found: 'ScalingConfig is {}, not',
      fix: /cdk deploy/,
    },
  ])('$what', async ({ step, settings, found, fix }) => {
    changeMapping(step, settings);
    expect(await notOk()).toEqual([
      {
        of: `shop/${step}`,
        what: 'mapping',
        state: 'wrong',
        found: expect.stringContaining(found),
        fix: expect.stringMatching(fix),
      },
    ]);
  });

  test('a function that two mappings call', async () => {
    change(mappingPath('ordering'), ({ EventSourceMappings = [] }) => ({
      EventSourceMappings: [...(EventSourceMappings as []), ...(EventSourceMappings as [])],
    }));
    expect(await notOk()).toMatchObject([{ what: 'mapping', found: '2 mappings call it, not one' }]);
  });

  test.each<[what: string, settings: object, found: string]>([
    [
      'a function that Lambda cannot call',
      { State: 'Failed', StateReason: 'no subnet' },
      '"Failed", not "Active" (no subnet)',
    ],
    ['a function with other limits', { Timeout: 3, MemorySize: 128 }, 'Timeout is 3, not 300; MemorySize is 128'],
    ['a function without configuration', { Environment: {} }, 'its environment has no STEP_CONFIG'],
  ])('%s', async (_, settings, found) => {
    change(functionPath('ordering'), (body) => ({ ...body, ...settings }));
    expect(await notOk()).toMatchObject([
      { of: 'shop/ordering', what: 'function', state: 'wrong', found: expect.stringContaining(found) },
    ]);
  });

  test('a function whose options are in the environment, where 4 KB are the limit', async () => {
    const step = plan.steps.find(({ name }) => name === 'lake')!;
    const { Environment } = configurationOf(step, stage.names) as {
      Environment: { Variables: { STEP_CONFIG: string } };
    };
    const STEP_CONFIG = JSON.stringify({ ...JSON.parse(Environment.Variables.STEP_CONFIG), options: {} });
    change(functionPath('lake'), (body) => ({ ...body, Environment: { Variables: { STEP_CONFIG } } }));
    expect(await notOk()).toMatchObject([
      { of: 'shop/lake', what: 'function', found: expect.stringMatching(/^STEP_CONFIG has the options/) },
    ]);
  });

  test('a function that is gone, of which nothing else is asked', async () => {
    stage.answers.delete(functionPath('uploads'));
    expect(await notOk()).toMatchObject([
      { of: 'shop/uploads', what: 'function', state: 'wrong', found: 'is missing' },
    ]);
  });

  test('a function that asks the database and does not work; where the database has no reader, it is only absent', async () => {
    const path = `GET /2015-03-31/functions/${stage.names.databaseQuery}/configuration`;
    change(path, () => ({ State: 'Failed' }));
    const of = stage.names.databaseQuery;
    expect(await notOk()).toMatchObject([
      { of, what: 'function', state: 'wrong', found: expect.stringMatching('Failed') },
    ]);
    stage.answers.delete(path);
    expect(await notOk()).toMatchObject([{ of, state: 'absent', fix: expect.stringMatching("needs a 'reader'") }]);
  });

  test('a bucket that announces nothing', async () => {
    const path = `GET /${stage.names.landing}?notification`;
    stage.answers.set(path, { status: 200, type: 'application/xml', body: '<NotificationConfiguration/>' });
    expect(await notOk()).toMatchObject([{ of: stage.names.landing, what: 'announcements', state: 'wrong' }]);
  });

  test('a stream that keeps its events for another time', async () => {
    const StreamName = stage.names.stream('shop', 'orders');
    stage.log.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: 48 });
    expect(await notOk()).toMatchObject([{ of: StreamName, found: 'RetentionPeriodHours is 48, not 24' }]);
    stage.log.decreaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: 24 });
  });

  test('a stream of others that keeps its events for another time than the pipeline says', async () => {
    const existing = `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/theirs`;
    stage.log.createStream({ StreamName: 'theirs', ShardCount: 1 });
    const found = async (retention: { readonly retentionDays?: number }): Promise<readonly Finding[]> => {
      const reading = definePipeline({
        name: 'shop',
        streams: { theirs: { existing, schema: Order, ...retention } },
        sinks: { order_table: { from: 'theirs', write: table({ table: 'orders', key: ['id'] }) } },
      });
      const findings = await examine(
        [planOf(reading, [reading])],
        { target: stage, lambda: stage.lambda, secrets: NO_SECRETS, signal },
        Date.now(),
      );
      return findings.filter(({ what }) => what === 'stream');
    };
    expect(await found({ retentionDays: 7 })).toMatchObject([
      {
        of: existing,
        state: 'wrong',
        found: 'RetentionPeriodHours is 24, not 168',
        fix: "change the stream's retention, or correct `retentionDays` in the pipeline",
      },
    ]);
    expect(await found({ retentionDays: 1 })).toMatchObject([{ state: 'ok' }]);
    expect(await found({})).toMatchObject([{ state: 'ok' }]);
  });

  test('a queue that shows a message again too early, and announcements that failed', async () => {
    const { sqs } = stage.clients;
    const urlOf = async (QueueName: string) => (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
    const QueueUrl = await urlOf(nameOf('uploads'));
    const failed = await urlOf(stage.names.failedItems('shop', 'uploads'));
    const visible = (seconds: number) =>
      sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: String(seconds) } }));
    await visible(30);
    await sqs.send(new SendMessageCommand({ QueueUrl: failed, MessageBody: '{}' }));
    expect(await notOk()).toMatchObject([
      { what: 'queue', found: 'VisibilityTimeout is "30", not "1800"' },
      { what: 'failed items', found: '1 announcements failed', fix: 'see docs/runbook.md#failed-files' },
    ]);
    await visible(VISIBILITY_SECONDS);
    await sqs.send(new PurgeQueueCommand({ QueueUrl: failed }));
  });

  test('records that Lambda discarded hours ago, and that are no dead letters yet', async () => {
    const document = {
      Bucket: stage.names.deadLetters,
      Key: 'aws/lambda/u-1/shardId-000000000000/document',
      Body: '{}',
    };
    await stage.clients.s3.send(new PutObjectCommand(document));
    expect(await notOk()).toEqual([]);
    const fourHoursLater = Date.now() + 4 * 3_600_000;
    expect(await notOk(fourHoursLater)).toMatchObject([{ what: 'discarded records', state: 'wrong' }]);
  });
});

test('a right that the credentials lack is named, and everything else is looked at all the same', async () => {
  const denied = { status: 403, error: 'AccessDeniedException', body: { Message: 'no' } };
  stage.answers.set(functionPath('ordering'), denied);
  stage.answers.set('DescribeStreamSummary', denied);
  stage.answers.set(`HEAD /${stage.names.lake}`, { status: 403, body: '' });
  const findings = await examined();
  expect(findings.filter(({ state }) => state === 'refused').map(({ fix }) => fix)).toEqual([
    `allow s3:ListBucket on arn:aws:s3:::${stage.names.lake}`,
    `allow kinesis:DescribeStreamSummary on ${stage.names.arnOf('kinesis', `stream/${stage.names.stream('shop', 'lines')}`)}`,
    `allow kinesis:DescribeStreamSummary on ${stage.names.arnOf('kinesis', `stream/${stage.names.stream('shop', 'orders')}`)}`,
    `allow lambda:GetFunctionConfiguration on ${stage.names.arnOf('lambda', `function:${nameOf('ordering')}`)}`,
  ]);
  expect(findings).toContainEqual(expect.objectContaining({ of: 'shop/ordering', what: 'mapping', state: 'ok' }));
});

test('a call that a server does not know, and a pipeline that is not deployed, are no faults', async () => {
  const path = `GET /2021-10-31/functions/${nameOf('till')}/url`;
  stage.answers.set(path, { status: 501, error: 'InternalFailure', body: { Message: 'not yet implemented' } });
  expect(await notOk()).toMatchObject([{ what: 'url', state: 'unanswered' }]);
  for (const { name } of plan.steps) stage.answers.delete(functionPath(name));
  expect(await notOk()).toEqual([
    { of: 'shop', what: 'pipeline', state: 'absent', found: 'it is not deployed in this stage' },
  ]);
});

test('expired credentials end the command, because no call can say anything', async () => {
  stage.answers.set(functionPath('till'), {
    status: 403,
    error: 'ExpiredTokenException',
    body: { Message: 'expired' },
  });
  await expect(examined()).rejects.toMatchObject({ name: 'ExpiredTokenException' });
});

describe('millrace doctor', () => {
  async function run(values: Readonly<Record<string, string | boolean>>): Promise<{ code: number; said: string }> {
    const lines: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    // The command sets the last two itself: so they too are restored.
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_ENDPOINT_URL', 'AWS_REGION'])
      vi.stubEnv(name, 'test');
    const code = await doctor.run({ name: 'doctor', values, positionals: ['sensors'], signal });
    return { code, said: lines.join('\n') };
  }
  const named = () => ({ stage: 'test', region: 'us-east-1', endpoint: stage.url });

  test('prints a table, and exits with 0 when nothing is wrong', async () => {
    const { code, said } = await run(named());
    expect(said).toMatch(/^stage 'test' in us-east-1 \(000000000000\)\n/);
    expect(said).toMatch(/^sensors\/cleaning +function +ok +active, configured as the pipeline says$/m);
    expect(said).toMatch(/\n\n\d\d ok\. docs\/aws-checklist\.md has what no command can look up$/);
    expect(code).toBe(0);
  });

  test('prints what to do below the table, or lines of JSON, and exits with 1 when something is wrong', async () => {
    const name = stage.names.step('sensors', 'cleaning');
    stage.answers.delete(`GET /2015-03-31/functions/${name}/configuration`);
    const { code, said } = await run(named());
    expect(said).toMatch(/^sensors\/cleaning, function: deploy the stage again: npx cdk deploy --all -c stage=test$/m);
    expect(said).toMatch(/\d\d ok, 1 wrong\. docs/);
    expect(code).toBe(1);
    const inJson = await run({ ...named(), json: true });
    const findings = inJson.said.split('\n').map((line) => JSON.parse(line) as Finding);
    expect(findings.filter(({ state }) => state === 'wrong')).toMatchObject([{ of: 'sensors/cleaning' }]);
  });

  test('says which stage is not there', async () => {
    await expect(run({ ...named(), stage: 'prod' })).rejects.toThrow("there is no stage 'prod'");
  });
});
