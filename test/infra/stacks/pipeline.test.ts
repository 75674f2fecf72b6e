import { Match, type Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { type EnvironmentConfig, parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { FOREIGN_STREAM } from '../pipelines/example.ts';
import { asText, type SynthesizedStage, synthesized } from './synthesized.ts';

// Some tests synthesize a stage of their own, which takes seconds.
let stage: SynthesizedStage;
let shop: Template;
let audit: Template;

beforeAll(async () => {
  stage = await synthesized();
  shop = stage.stack('millrace-dev-shop').template;
  audit = stage.stack('millrace-dev-audit').template;
});

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
}

/** Finds the only resource of a type whose properties match. */
function the(template: Template, type: string, properties: Record<string, unknown>): [string, Resource['Properties']] {
  const found = Object.entries(template.findResources(type, { Properties: properties }));
  expect(found.length, `${type} ${JSON.stringify(properties)}`).toBe(1);
  const [[id, { Properties }]] = found as [[string, Resource]];
  return [id, Properties];
}

function functionOf(template: Template, name: string): [string, Record<string, unknown>] {
  return the(template, 'AWS::Lambda::Function', { FunctionName: name });
}

/** Returns the part of a function's configuration that its environment decides. */
function configOf(template: Template, name: string): EnvironmentConfig {
  const [, { Environment }] = functionOf(template, name);
  const { Variables } = Environment as { Variables: Record<string, unknown> };
  expect(Object.keys(Variables)).toEqual(['STEP_CONFIG']);
  return parseEnvironmentConfig(asText(Variables.STEP_CONFIG));
}

function mappingOf(template: Template, name: string): Record<string, unknown> {
  const [id] = functionOf(template, name);
  return the(template, 'AWS::Lambda::EventSourceMapping', { FunctionName: { Ref: id } })[1];
}

/** Lists the actions that a function's role allows. */
function actionsOf(template: Template, name: string): readonly string[] {
  const { Role } = functionOf(template, name)[1] as { Role: { 'Fn::GetAtt': readonly [string, string] } };
  const role = template.toJSON().Resources[Role['Fn::GetAtt'][0]] as Resource;
  const policies = role.Properties.Policies as readonly { PolicyDocument: { Statement: { Action: unknown }[] } }[];
  return policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement.flatMap(({ Action }) => Action as string[]));
}

describe('a stream', () => {
  test('is encrypted, has its retention and shards, and outlives its stack', () => {
    shop.hasResource('AWS::Kinesis::Stream', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        Name: 'millrace-dev-shop--lines',
        RetentionPeriodHours: 168,
        ShardCount: 1,
        StreamModeDetails: { StreamMode: 'PROVISIONED' },
        StreamEncryption: { EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' },
      },
    });
    shop.hasResourceProperties('AWS::Kinesis::Stream', {
      Name: 'millrace-dev-shop--orders',
      ShardCount: 3,
      RetentionPeriodHours: 24,
    });
  });

  test('with on-demand capacity has no number of shards', () => {
    audit.hasResourceProperties('AWS::Kinesis::Stream', {
      Name: 'millrace-dev-audit--kept',
      StreamModeDetails: { StreamMode: 'ON_DEMAND' },
      ShardCount: Match.absent(),
    });
  });

  test('is created by its own pipeline only', () => {
    shop.resourceCountIs('AWS::Kinesis::Stream', 2);
    audit.resourceCountIs('AWS::Kinesis::Stream', 1);
  });
});

describe('a function', () => {
  const ALL: readonly [string, string][] = [
    ...['till', 'uploads', 'ordering', 'lake', 'order_table'].map((name): [string, string] => ['shop', name]),
    ...['partners', 'corrections', 'keeping', 'audit_table'].map((name): [string, string] => ['audit', name]),
  ];

  test.each(ALL)('of %s/%s runs on Node 24 and arm64, with its own role and log group', (pipeline, name) => {
    const { template } = stage.stack(`millrace-dev-${pipeline}`);
    const functionName = `millrace-dev-${pipeline}--${name}`;
    const [, properties] = functionOf(template, functionName);
    expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' });
    const [role] = (properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'];
    const users = Object.values(template.findResources('AWS::Lambda::Function')).filter(({ Properties }) =>
      JSON.stringify(Properties.Role).includes(role),
    );
    expect(users.length).toBe(1);
    template.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: `/aws/lambda/${functionName}`,
      RetentionInDays: 30,
    });
  });

  test.each(ALL)('of %s/%s gets its configuration, and nothing else', (pipeline, name) => {
    const config = configOf(stage.stack(`millrace-dev-${pipeline}`).template, `millrace-dev-${pipeline}--${name}`);
    expect(config).toMatchObject({
      pipeline,
      step: name,
      checkpoints: 'millrace-dev-checkpoints',
      deadLetters: 'millrace-dev-dead-letters-<AccountId>-<Region>',
    });
    // These are in the bundle.
    for (const bundled of ['generation', 'options']) expect(config).not.toHaveProperty(bundled);
  });

  test('names its streams by their ARNs, whether of its pipeline, of another or existing', () => {
    const ownStream = (name: string) =>
      `arn:<Partition>:kinesis:<Region>:<AccountId>:stream/millrace-dev-shop--${name}`;
    expect(configOf(shop, 'millrace-dev-shop--ordering')).toMatchObject({
      input: { stream: ownStream('lines'), own: ['/shop/till/', '/shop/uploads/'] },
      output: { stream: ownStream('orders'), compression: 'zstd' },
    });
    expect(configOf(audit, 'millrace-dev-audit--corrections')).toMatchObject({
      input: { stream: FOREIGN_STREAM, own: ['/audit/partners/'] },
      output: { stream: ownStream('orders'), compression: 'zstd' },
    });
  });

  test('runs in the network exactly when it calls the database', () => {
    const inside = ['shop', 'audit'].flatMap((pipeline) =>
      Object.values(stage.stack(`millrace-dev-${pipeline}`).template.findResources('AWS::Lambda::Function'))
        .filter(({ Properties }) => Properties.VpcConfig !== undefined)
        .map(({ Properties }) => Properties.FunctionName as string),
    );
    expect(inside).toEqual(['millrace-dev-shop--order_table', 'millrace-dev-audit--audit_table']);
  });

  test("logs in to the stage's database by IAM, and to a given one by its secret", async () => {
    expect(configOf(shop, 'millrace-dev-shop--order_table').resources).toMatchObject({
      port: 5432,
      database: 'millrace',
      user: 'millrace_sinks',
      auth: { iam: true },
    });
    const database = { host: 'db.example.com', name: 'n', user: 'u', secret: 'arn:aws:secretsmanager:x', ca: 'public' };
    const given = await synthesized({ database });
    expect(configOf(given.stack('millrace-dev-shop').template, 'millrace-dev-shop--order_table').resources).toEqual({
      host: 'db.example.com',
      port: 5432,
      database: 'n',
      user: 'u',
      auth: { secret: 'arn:aws:secretsmanager:x' },
      ca: 'public',
    });
  });
});

describe('a continuous step', () => {
  test.each(['millrace-dev-shop--ordering', 'millrace-dev-shop--order_table'])(
    'is never cut off by an age or a number of retries of its mapping: %s',
    (name) => {
      expect(mappingOf(shop, name)).toMatchObject({
        MaximumRecordAgeInSeconds: -1,
        MaximumRetryAttempts: -1,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        BisectBatchOnFunctionError: true,
        ParallelizationFactor: 1,
      });
    },
  );

  test.each(['earliest', 'latest', new Date(0)] as const)(
    'is never cut off by an age, wherever it starts: %s',
    async (start) => {
      const { mappingSettings } = await import('../../../infra/delivery.ts');
      expect(mappingSettings({ start }, 'arn').maximumRecordAgeInSeconds).toBe(-1);
    },
  );

  test('may read how long its stream keeps events, and give up in time what it cannot process', () => {
    const needed = ['kinesis:DescribeStreamSummary', 'dynamodb:UpdateItem', 's3:PutObject'];
    expect(actionsOf(audit, 'millrace-dev-audit--keeping')).toEqual(expect.arrayContaining(needed));
    expect(actionsOf(shop, 'millrace-dev-shop--ordering')).toEqual(expect.arrayContaining(needed));
  });

  test('sends discarded batches with their payload to the dead-letter bucket', () => {
    const { DestinationConfig } = mappingOf(shop, 'millrace-dev-shop--ordering') as {
      DestinationConfig: { OnFailure: { Destination: unknown } };
    };
    expect(asText(DestinationConfig.OnFailure.Destination)).toBe(
      'arn:<Partition>:s3:::millrace-dev-dead-letters-<AccountId>-<Region>',
    );
  });

  test.each([
    { name: 'millrace-dev-shop--ordering', at: { StartingPosition: 'TRIM_HORIZON' } },
    { name: 'millrace-dev-shop--order_table', at: { StartingPosition: 'LATEST' } },
    {
      name: 'millrace-dev-audit--keeping',
      at: { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: Date.UTC(2026, 0) / 1_000 },
    },
  ])('$name starts where the step says: $at.StartingPosition', ({ name, at }) => {
    expect(mappingOf(name.includes('shop') ? shop : audit, name)).toMatchObject(at);
  });

  test('is created after its stream when the same stack creates both', () => {
    const [stream] = the(shop, 'AWS::Kinesis::Stream', { Name: 'millrace-dev-shop--lines' });
    const [id] = functionOf(shop, 'millrace-dev-shop--ordering');
    shop.hasResource('AWS::Lambda::EventSourceMapping', {
      Properties: { FunctionName: { Ref: id } },
      DependsOn: [stream],
    });
  });

  test('is the only kind of step with a mapping of a stream', () => {
    const sources = Object.values(shop.findResources('AWS::Lambda::EventSourceMapping')).map(({ Properties }) =>
      asText(Properties.EventSourceArn),
    );
    expect(sources.filter((arn) => arn.includes(':kinesis:')).length).toBe(2);
  });
});

describe('a step with enhanced fan-out', () => {
  test('has a consumer of its own, which its mapping reads and its role allows', async () => {
    const { definePipeline } = await import('../../../infra/pipelines/pipeline.ts');
    const { Line, Order, orderOfLine } = await import('../pipelines/example.ts');
    const fast = definePipeline({
      name: 'fast',
      streams: { lines: { schema: Line }, orders: { schema: Order } },
      transforms: { ordering: { from: 'lines', apply: orderOfLine, to: 'orders', fanOut: true } },
    });
    const { template } = (await synthesized({}, [fast])).stack('millrace-dev-fast');
    const [stream] = the(template, 'AWS::Kinesis::Stream', { Name: 'millrace-dev-fast--lines' });
    const [consumer] = the(template, 'AWS::Kinesis::StreamConsumer', { ConsumerName: 'millrace-dev-fast--ordering' });
    template.hasResource('AWS::Kinesis::StreamConsumer', { DependsOn: [stream] });
    const arn = { 'Fn::GetAtt': [consumer, 'ConsumerARN'] };
    expect(mappingOf(template, 'millrace-dev-fast--ordering').EventSourceArn).toEqual(arn);
    template.hasResourceProperties('AWS::IAM::Role', {
      Policies: [
        {
          PolicyDocument: {
            Statement: Match.arrayWith([
              Match.objectLike({
                Action: ['kinesis:DescribeStreamConsumer', 'kinesis:SubscribeToShard'],
                Resource: arn,
              }),
            ]),
          },
        },
      ],
    });
  });

  test('is recommended to a third reader of a stream', () => {
    expect(stage.stack('millrace-dev-shop').warnings).toEqual([expect.stringMatching(/has 3 readers that share/)]);
    expect(stage.stack('millrace-dev-audit').warnings).toEqual([expect.stringMatching(/fanOut: true/)]);
    expect(stage.stack('millrace-dev').warnings).toEqual([]);
  });
});

describe('a scheduled step', () => {
  test.each([
    { template: () => shop, name: 'millrace-dev-shop--lake', rate: 'rate(5 minutes)' },
    { template: () => audit, name: 'millrace-dev-audit--audit_table', rate: 'rate(1 minute)' },
  ])('$name is run by EventBridge Scheduler at $rate', ({ template, name, rate }) => {
    const [id] = functionOf(template(), name);
    template().hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: name,
      ScheduleExpression: rate,
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: { 'Fn::GetAtt': [id, 'Arn'] } },
    });
  });

  test('is not retried, because the next run continues from its position', () => {
    shop.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 300,
    });
  });

  test('has its starting position in its own configuration', () => {
    expect(configOf(shop, 'millrace-dev-shop--lake').input?.start).toBe('2026-01-01T00:00:00.000Z');
  });
});

describe('a source with a URL', () => {
  test('can only be called with IAM', () => {
    shop.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM' });
    shop.resourceCountIs('AWS::Lambda::Permission', 0);
    shop.resourceCountIs('AWS::SecretsManager::Secret', 0);
    shop.hasOutput('UrlTill', { Value: { 'Fn::GetAtt': [Match.anyValue(), 'FunctionUrl'] } });
  });

  test('that checks tokens itself can be called by anyone, and gets a secret of its own to compare with', () => {
    audit.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'NONE' });
    const permissions = Object.values(audit.findResources('AWS::Lambda::Permission')).map(
      ({ Properties }) => Properties,
    );
    expect(permissions).toEqual([
      expect.objectContaining({ Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' }),
      expect.objectContaining({ Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true }),
    ]);
    const [secret, properties] = the(audit, 'AWS::SecretsManager::Secret', {
      Name: 'millrace-dev-audit--partners--token',
    });
    expect(properties.GenerateSecretString).toMatchObject({ PasswordLength: 40 });
    expect(configOf(audit, 'millrace-dev-audit--partners').resources).toEqual({ tokenSecret: `<${secret}>` });
  });
});

describe('a source of files', () => {
  test("gets announcements of the landing bucket's objects under its prefix, and of no others", () => {
    const [queue] = the(shop, 'AWS::SQS::Queue', { QueueName: 'millrace-dev-shop--uploads' });
    const [, rule] = the(shop, 'AWS::Events::Rule', {});
    expect(rule.Targets).toMatchObject([{ Arn: { 'Fn::GetAtt': [queue, 'Arn'] } }]);
    expect(rule.EventPattern).toMatchObject({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { object: { key: [{ prefix: 'shop/' }] } },
    });
    const { detail } = rule.EventPattern as { detail: { bucket: { name: unknown[] } } };
    expect(detail.bucket.name.map(asText)).toEqual(['millrace-dev-landing-<AccountId>-<Region>']);
  });

  test('takes one announcement at a time, and hides it for six times its time-out', () => {
    const [queueId, queue] = the(shop, 'AWS::SQS::Queue', { QueueName: 'millrace-dev-shop--uploads' });
    const [, { Timeout }] = functionOf(shop, 'millrace-dev-shop--uploads');
    expect(queue.VisibilityTimeout).toBe(6 * (Timeout as number));
    expect(mappingOf(shop, 'millrace-dev-shop--uploads')).toMatchObject({
      EventSourceArn: { 'Fn::GetAtt': [queueId, 'Arn'] },
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(configOf(shop, 'millrace-dev-shop--uploads').queue).toBe(`<${queueId}>`);
  });

  test('may send an announcement back as often as a long file needs', () => {
    expect(functionOf(shop, 'millrace-dev-shop--uploads')[1].RecursiveLoop).toBe('Allow');
    expect(functionOf(shop, 'millrace-dev-shop--ordering')[1].RecursiveLoop).toBeUndefined();
  });

  test('moves announcements that keep failing to a queue of their own', () => {
    const [failed] = the(shop, 'AWS::SQS::Queue', { QueueName: 'millrace-dev-shop--uploads--failed' });
    shop.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'millrace-dev-shop--uploads',
      RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': [failed, 'Arn'] }, maxReceiveCount: 10 },
    });
  });

  test.each(['millrace-dev-shop--uploads', 'millrace-dev-shop--uploads--failed'])(
    'has its queue %s encrypted and reached by TLS only',
    (name) => {
      const [id, properties] = the(shop, 'AWS::SQS::Queue', { QueueName: name });
      expect(properties.SqsManagedSseEnabled).toBe(true);
      shop.hasResourceProperties('AWS::SQS::QueuePolicy', {
        Queues: [{ Ref: id }],
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          ]),
        },
      });
    },
  );
});
