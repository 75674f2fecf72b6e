import { Match, type Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseStepConfig } from '../../../functions/runtime/step-config.ts';
import { parseContext } from '../../../infra/context.ts';
import { asText, type SynthesizedStage, synthesized } from './synthesized.ts';

// Some tests synthesize a stage of their own, which takes seconds.
const DATABASE = {
  host: 'db.example.com',
  name: 'shop',
  user: 'sinks',
  secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:sinks-AbCdEf',
  ca: 'public',
};
const ENDPOINT = 'shop.abcdefghijkl.eu-west-1.rds.amazonaws.com';
const NETWORK = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  securityGroupIds: ['sg-0123456789abcdef0'],
};

let stage: SynthesizedStage;
let platform: Template;

beforeAll(async () => {
  stage = await synthesized();
  platform = stage.stack('millrace-dev').template;
});

function resourcesOf(
  template: Template,
): { Type: string; Properties?: Record<string, unknown>; DeletionPolicy?: string }[] {
  return Object.values((template.toJSON() as { Resources: Record<string, never> }).Resources);
}

function typesOf(template: Template): Set<string> {
  return new Set(resourcesOf(template).map(({ Type }) => Type));
}

describe('the platform', () => {
  test('has an on-demand table of checkpoints by step and key, with point-in-time recovery', () => {
    platform.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      Properties: {
        TableName: 'millrace-dev-checkpoints',
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
        KeySchema: [
          { AttributeName: 'step', KeyType: 'HASH' },
          { AttributeName: 'key', KeyType: 'RANGE' },
        ],
      },
    });
  });

  test.each(['dead-letters', 'landing', 'lake'])('keeps the bucket %s encrypted, private and by TLS only', (name) => {
    const bucketName = {
      'Fn::Join': ['', [`millrace-dev-${name}-`, { Ref: 'AWS::AccountId' }, '-', { Ref: 'AWS::Region' }]],
    };
    const found = platform.findResources('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        BucketName: bucketName,
        BucketEncryption: Match.anyValue(),
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      },
    });
    const [logicalId] = Object.keys(found);
    platform.hasResourceProperties('AWS::S3::BucketPolicy', {
      Bucket: { Ref: logicalId },
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  test('lets no delete marker of a bucket stay when the versions behind it are gone', () => {
    const rules = Object.values(platform.findResources('AWS::S3::Bucket')).map(
      ({ Properties }) => Properties.LifecycleConfiguration.Rules,
    );
    expect(rules.length).toBe(3);
    for (const each of rules) {
      expect(each).toEqual([
        expect.objectContaining({
          Status: 'Enabled',
          NoncurrentVersionExpiration: { NoncurrentDays: 30 },
          ExpiredObjectDeleteMarker: true,
        }),
      ]);
    }
  });

  test('announces new objects of the landing and dead-letter buckets, and not of the lake', () => {
    const telling = platform.findResources('AWS::S3::Bucket', {
      Properties: { NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } } },
    });
    expect(JSON.stringify(Object.values(telling).map(({ Properties }) => Properties.BucketName))).toMatch(
      /^\[[^[]*\["",\["millrace-dev-dead-letters-[^[]*\["",\["millrace-dev-landing-[^\]]*\]\]\}\]$/,
    );
  });

  test('converts the batches that Lambda discards through a queue, at most twice at once, and looks every hour for those that are left', () => {
    const [[functionId] = []] = Object.entries(
      platform.findResources('AWS::Lambda::Function', { Properties: { FunctionName: 'millrace-dev-given-up' } }),
    );
    const [[queueId = '', queue] = []] = Object.entries(
      platform.findResources('AWS::SQS::Queue', { Properties: { QueueName: 'millrace-dev-given-up' } }),
    );
    const ruleOf = (rule: object, target: string): string | undefined => {
      const Targets = [Match.objectLike({ Arn: { 'Fn::GetAtt': [target, 'Arn'] } })];
      const found = platform.findResources('AWS::Events::Rule', { Properties: Match.objectLike({ ...rule, Targets }) });
      expect(Object.keys(found)).toHaveLength(1);
      return Object.keys(found)[0];
    };
    const EventPattern = {
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { object: { key: [{ prefix: 'aws/lambda/' }] } },
    };
    const stored = ruleOf({ EventPattern }, queueId);
    const left = ruleOf({ ScheduleExpression: 'rate(1 hour)' }, functionId ?? '');
    platform.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'sqs:SendMessage',
            Principal: { Service: 'events.amazonaws.com' },
            Condition: { ArnEquals: { 'aws:SourceArn': { 'Fn::GetAtt': [stored, 'Arn'] } } },
          }),
        ]),
      },
      Queues: [{ Ref: queueId }],
    });
    platform.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [queueId, 'Arn'] },
      FunctionName: { Ref: functionId },
      ScalingConfig: { MaximumConcurrency: 2 },
    });
    // The hourly run finds every document whose announcement has expired.
    expect(queue?.Properties).toMatchObject({ MessageRetentionPeriod: 3_600, VisibilityTimeout: 5_400 });
    platform.hasResourceProperties('AWS::Lambda::Permission', {
      Action: 'lambda:InvokeFunction',
      FunctionName: { Ref: functionId },
      Principal: 'events.amazonaws.com',
      SourceArn: { 'Fn::GetAtt': [left, 'Arn'] },
    });
  });

  test('has a database that is encrypted, reached by TLS only, with IAM authentication and backups, and not from outside', () => {
    platform.hasResource('AWS::RDS::DBInstance', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        DBInstanceIdentifier: 'millrace-dev',
        Engine: 'postgres',
        StorageEncrypted: true,
        EnableIAMDatabaseAuthentication: true,
        ManageMasterUserPassword: true,
        PubliclyAccessible: false,
        BackupRetentionPeriod: 7,
        DeletionProtection: true,
      },
    });
    platform.hasResourceProperties('AWS::RDS::DBParameterGroup', { Parameters: { 'rds.force_ssl': '1' } });
  });

  test('keeps the logs of the database for a month, and makes their groups before RDS does', () => {
    const [[, instance] = []] = Object.entries(platform.findResources('AWS::RDS::DBInstance'));
    const exported = instance?.Properties.EnableCloudwatchLogsExports as string[];
    expect(exported.length).toBe(2);
    for (const log of exported) {
      const groups = Object.entries(
        platform.findResources('AWS::Logs::LogGroup', {
          Properties: { LogGroupName: `/aws/rds/instance/millrace-dev/${log}`, RetentionInDays: 30 },
        }),
      );
      expect(groups.length, log).toBe(1);
      expect(instance?.DependsOn).toContain(groups[0]?.[0]);
    }
  });

  test("lets only the functions' security group call the database", () => {
    const [functions] = Object.keys(
      platform.findResources('AWS::EC2::SecurityGroup', {
        Properties: { GroupDescription: 'functions that call the database' },
      }),
    );
    platform.hasResourceProperties('AWS::EC2::SecurityGroup', {
      GroupDescription: 'callers of the database',
      SecurityGroupIngress: [
        {
          FromPort: 5432,
          ToPort: 5432,
          IpProtocol: 'tcp',
          SourceSecurityGroupId: { 'Fn::GetAtt': [functions, 'GroupId'] },
          Description: Match.anyValue(),
        },
      ],
    });
  });

  test("has a function inside the network that creates the sinks' user, and knows the ARN of the administrator's secret", () => {
    const [made] = Object.values(
      platform.findResources('AWS::Lambda::Function', { Properties: { FunctionName: 'millrace-dev-database-init' } }),
    );
    expect(made?.Properties.VpcConfig.SubnetIds.length).toBe(2);
    const { resources, step } = parseStepConfig(asText(made?.Properties.Environment.Variables.STEP_CONFIG));
    expect(step).toBe('database-init');
    expect(resources).toMatchObject({
      port: 5_432,
      database: 'millrace',
      user: 'millrace_sinks',
      administratorSecret: expect.stringMatching(/^<DatabaseInstance.*MasterUserSecret\.SecretArn>$/),
    });
    // The caller passes the password in. The function itself can read neither the secret nor anything else.
    const roles = JSON.stringify(platform.findResources('AWS::IAM::Role'));
    expect(roles).not.toContain('secretsmanager');
  });

  test('has a function inside the network that asks the database for operators, as a user that only reads, and may do nothing else', () => {
    const [made] = Object.values(
      platform.findResources('AWS::Lambda::Function', { Properties: { FunctionName: 'millrace-dev-database-query' } }),
    );
    expect(made?.Properties.VpcConfig.SubnetIds.length).toBe(2);
    const { resources } = parseStepConfig(asText(made?.Properties.Environment.Variables.STEP_CONFIG));
    expect(resources).toMatchObject({ database: 'millrace', user: 'millrace_reader', auth: { iam: true } });
    const [id] = (made!.Properties.Role as { 'Fn::GetAtt': [string] })['Fn::GetAtt'];
    const policies = JSON.stringify(platform.findResources('AWS::IAM::Role')[id]?.Properties.Policies);
    expect([...policies.matchAll(/"(?:rds-db|secretsmanager|s3|dynamodb|kinesis):[A-Za-z]+"/g)].flat()).toEqual([
      '"rds-db:connect"',
    ]);
    expect(policies).toContain('/millrace_reader');
  });

  test('has a network with no way out', () => {
    const types = typesOf(platform);
    for (const way of ['NatGateway', 'InternetGateway', 'VPCGatewayAttachment', 'EIP', 'EgressOnlyInternetGateway']) {
      expect(types).not.toContain(`AWS::EC2::${way}`);
    }
    expect(types).not.toContain('AWS::EC2::Route');
    for (const { Properties } of resourcesOf(platform).filter(({ Type }) => Type === 'AWS::EC2::Subnet')) {
      expect(Properties?.MapPublicIpOnLaunch).toBe(false);
    }
  });

  test('has gateway endpoints for S3 and DynamoDB, and one interface endpoint, for Kinesis', () => {
    const endpoints = resourcesOf(platform)
      .filter(({ Type }) => Type === 'AWS::EC2::VPCEndpoint')
      .map(
        ({ Properties }) =>
          `${Properties?.VpcEndpointType} ${JSON.stringify(Properties?.ServiceName).match(/\.([a-z0-9-]+)"/)?.[1]}`,
      );
    expect(endpoints.sort()).toEqual(['Gateway dynamodb', 'Gateway s3', 'Interface kinesis-streams']);
  });

  test('has its subnets in the zones that the context names, under the same logical ids', async () => {
    const zones = ['eu-west-1a', 'eu-west-1c'];
    const named = (await synthesized({ zones }, [])).stack('millrace-dev').template.findResources('AWS::EC2::Subnet');
    expect(Object.values(named).map(({ Properties }) => Properties.AvailabilityZone)).toEqual(zones);
    expect(Object.keys(named)).toEqual(Object.keys(platform.findResources('AWS::EC2::Subnet')));
  });

  test('has no database and no network when the context names a database', async () => {
    const given = await synthesized({ database: JSON.stringify(DATABASE) });
    const types = typesOf(given.stack('millrace-dev').template);
    expect([...types].filter((type) => /^AWS::(RDS|EC2)::/.test(type))).toEqual([]);
    const functions = given.stack('millrace-dev-shop').template.findResources('AWS::Lambda::Function');
    expect(Object.values(functions).filter(({ Properties }) => Properties.VpcConfig !== undefined)).toEqual([]);
  });

  test("logs in to a given RDS instance by IAM, as to the stage's own", async () => {
    const { name, user } = DATABASE;
    const given = await synthesized({ database: { host: ENDPOINT, name, user, resourceId: 'db-ABC123' } });
    expect(JSON.stringify(given.stack('millrace-dev-shop').template.toJSON())).toMatch(
      /"rds-db:connect","Effect":"Allow","Resource":\{"Fn::Join":\[""[^\]]*:dbuser:db-ABC123\/sinks"/,
    );
  });

  test('asks a given database for operators only where it names a reader, who is not the user that writes', async () => {
    const { name, user } = DATABASE;
    const asking = async (reader?: object) => {
      const database = {
        host: ENDPOINT,
        name,
        user,
        resourceId: 'db-ABC123',
        ...(reader === undefined ? {} : { reader }),
      };
      const { template } = (await synthesized({ database })).stack('millrace-dev');
      const named = { Properties: { FunctionName: 'millrace-dev-database-query' } };
      return Object.values(template.findResources('AWS::Lambda::Function', named)).map(
        ({ Properties }) => parseStepConfig(asText(Properties.Environment.Variables.STEP_CONFIG)).resources,
      );
    };
    expect(await asking()).toEqual([]);
    expect(await asking({})).toMatchObject([{ host: ENDPOINT, user: 'millrace_reader', auth: { iam: true } }]);
    await expect(asking({ user })).rejects.toThrow("the reader is the functions' user, which may write");
    await expect(asking({ secret: 'arn:x' })).rejects.toThrow("the reader logs in as the functions' user does");
  });

  test('puts its database and the functions that call it into a given network', async () => {
    const given = await synthesized({ network: NETWORK });
    const types = typesOf(given.stack('millrace-dev').template);
    expect(types).not.toContain('AWS::EC2::VPC');
    expect(types).not.toContain('AWS::EC2::VPCEndpoint');
    given
      .stack('millrace-dev')
      .template.hasResourceProperties('AWS::RDS::DBSubnetGroup', { SubnetIds: NETWORK.subnetIds });
    given.stack('millrace-dev-shop').template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'millrace-dev-shop--order_table',
      VpcConfig: { SubnetIds: NETWORK.subnetIds, SecurityGroupIds: NETWORK.securityGroupIds },
    });
  });
});

describe('what holds data', () => {
  const HOLDING = /^AWS::(Kinesis::Stream|S3::Bucket|DynamoDB::Table|RDS::DBInstance)$/;
  const isToken = ({ Type }: { readonly Type: string }) => Type === 'AWS::SecretsManager::Secret';
  const holding = (each: SynthesizedStage) =>
    [...each.stacks.values()].flatMap(({ template }) => resourcesOf(template)).filter(({ Type }) => HOLDING.test(Type));

  test('outlives its stack by default', () => {
    expect(holding(stage).length).toBe(8);
    expect(new Set(holding(stage).map(({ DeletionPolicy }) => DeletionPolicy))).toEqual(new Set(['Retain']));
  });

  test("includes the token of a source, unless the stack's creation failed: its name would be in the way", () => {
    const tokens = stage.stack('millrace-dev-audit').template.findResources('AWS::SecretsManager::Secret');
    expect(Object.values(tokens)).toEqual([
      expect.objectContaining({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' }),
    ]);
  });

  test("includes a database's network, which the database cannot do without", () => {
    const network = resourcesOf(platform).filter(({ Type }) => /^AWS::(EC2|RDS)::/.test(Type));
    expect(network.length).toBeGreaterThan(10);
    expect(network.filter(({ DeletionPolicy }) => DeletionPolicy !== 'Retain')).toEqual([]);
  });

  test('is deleted with its stack, unprotected, when the context says so', async () => {
    const gone = await synthesized({ removal: 'destroy' });
    const withTokens = [...holding(gone), ...resourcesOf(gone.stack('millrace-dev-audit').template).filter(isToken)];
    expect(withTokens.length).toBe(9);
    expect(new Set(withTokens.map(({ DeletionPolicy }) => DeletionPolicy))).toEqual(new Set(['Delete']));
    for (const { template } of gone.stacks.values()) {
      expect(JSON.stringify(template.toJSON())).not.toMatch(
        /"DeletionProtection(Enabled)?":true|"Retain(ExceptOnCreate)?"/,
      );
    }
  });

  test("can be used by a new stage with the outputs of the old one's stack", () => {
    const { Outputs } = platform.toJSON() as { Outputs: Record<string, { Value: unknown }> };
    const givenBy = (name: string): unknown =>
      parseContext({ [name]: sample(Outputs[`Context${name === 'database' ? 'Database' : 'Network'}`]?.Value) });
    expect(givenBy('database')).toMatchObject({ database: { name: 'millrace', user: 'millrace_sinks', port: 5_432 } });
    expect(givenBy('network')).toMatchObject({ network: { subnetIds: [expect.any(String), expect.any(String)] } });
  });
});

describe('a stage', () => {
  test('contains the pipelines that the context chooses', async () => {
    const chosen = await synthesized({ pipelines: 'audit' });
    expect([...chosen.stacks.keys()].sort()).toEqual(['millrace-dev', 'millrace-dev-audit']);
    expect(chosen.stack('millrace-dev-audit').after).toEqual(['millrace-dev']);
  });

  test('has the same platform whichever pipelines are chosen: functions that all share keep their rights', async () => {
    const chosen = await synthesized({ pipelines: 'shop' });
    expect(chosen.stack('millrace-dev').template.toJSON()).toEqual(platform.toJSON());
  });

  test('is refused with a pipeline that does not exist', async () => {
    await expect(synthesized({ pipelines: 'shop,audits' })).rejects.toThrow(
      "context cannot be used:\n  pipelines: unknown pipeline 'audits'; use some of shop, audit",
    );
  });

  test('needs no custom resource, no look-up and no account', () => {
    for (const { template } of stage.stacks.values()) {
      const types = [...typesOf(template)];
      expect(types.filter((type) => type.startsWith('Custom::') || type.includes('CustomResource'))).toEqual([]);
      expect(JSON.stringify(template.toJSON())).not.toMatch(/dummy-value-for|vpc-12345/);
    }
  });

  test('deploys the platform before pipelines, and a pipeline before those that use its streams', () => {
    expect(stage.stack('millrace-dev-shop').after).toEqual(['millrace-dev']);
    expect([...stage.stack('millrace-dev-audit').after].sort()).toEqual(['millrace-dev', 'millrace-dev-shop']);
  });

  test('shares no physical name with another stage', async () => {
    const other = await synthesized({ stage: 'prod' });
    const named = (each: SynthesizedStage) =>
      [...each.stacks].flatMap(([name, { template }]) => [name, ...resourcesOf(template).flatMap(physicalNames)]);
    const dev = named(stage);
    expect(dev.length).toBeGreaterThan(40);
    expect(dev.filter((name) => !name.includes('millrace-dev'))).toEqual([]);
    expect(named(other).filter((name) => dev.includes(name))).toEqual([]);
  });
});

/** Replaces values that only a deployment knows with examples. */
function sample(value: unknown): string {
  const parts = (value as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1];
  const known: readonly [RegExp, string][] = [
    [/DbiResourceId/, 'db-ABC123'],
    [/Endpoint/, ENDPOINT],
    [/Subnet/, 'subnet-0123456789abcdef0'],
    [/GroupId/, 'sg-0123456789abcdef0'],
    [/Vpc/, 'vpc-0123456789abcdef0'],
  ];
  const text = (part: unknown): string =>
    typeof part === 'string'
      ? part
      : (known.find(([of]) => of.test(JSON.stringify(part)))?.[1] ?? JSON.stringify(part));
  return parts.map(text).join('');
}

/** Finds a resource's physical name: a property that names it, and not one that refers to another resource. */
function physicalNames({ Type, Properties = {} }: { Type: string; Properties?: Record<string, unknown> }): string[] {
  const kind = Type.split('::').at(-1) ?? '';
  const keys = [`${kind}Name`, 'Name', 'DBInstanceIdentifier', 'LogGroupName'];
  return keys.flatMap((key) =>
    Properties[key] === undefined || JSON.stringify(Properties[key]).startsWith('{"Ref"') || Type === 'AWS::EC2::VPC'
      ? []
      : [JSON.stringify(Properties[key])],
  );
}
