import { Match, type Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { type SynthesizedStage, synthesized } from './synthesized.ts';

const DATABASE = {
  ...{ host: 'db.example.com', name: 'shop', user: 'sinks' },
  secret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:sinks-AbCdEf',
};
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
  test('keeps checkpoints on demand, with point-in-time recovery, by step and key', () => {
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
          ...{ BlockPublicAcls: true, BlockPublicPolicy: true },
          ...{ IgnorePublicAcls: true, RestrictPublicBuckets: true },
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

  test('has only the landing bucket tell of its objects', () => {
    const telling = platform.findResources('AWS::S3::Bucket', {
      Properties: { NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } } },
    });
    expect(JSON.stringify(Object.values(telling).map(({ Properties }) => Properties.BucketName))).toMatch(
      /^\[[^[]*\["",\["millrace-dev-landing-[^\]]*\]\]\}\]$/,
    );
  });

  test('keeps its database encrypted, by TLS only, with IAM authentication, backups and no way in from outside', () => {
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

  test("lets the database be called by the functions' security group and nobody else", () => {
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

  test('leaves the database and its network out when there is one already', async () => {
    const given = await synthesized({ database: JSON.stringify(DATABASE) });
    const types = typesOf(given.stack('millrace-dev').template);
    expect([...types].filter((type) => /^AWS::(RDS|EC2)::/.test(type))).toEqual([]);
    const functions = given.stack('millrace-dev-shop').template.findResources('AWS::Lambda::Function');
    expect(Object.values(functions).filter(({ Properties }) => Properties.VpcConfig !== undefined)).toEqual([]);
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

describe('a stage', () => {
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

/** What a resource is called in the account: any property that names it. */
function physicalNames({ Type, Properties = {} }: { Type: string; Properties?: Record<string, unknown> }): string[] {
  const kind = Type.split('::').at(-1) ?? '';
  const keys = [`${kind}Name`, 'Name', 'DBInstanceIdentifier', 'LogGroupName'];
  return keys.flatMap((key) =>
    Properties[key] === undefined || Type === 'AWS::EC2::VPC' ? [] : [JSON.stringify(Properties[key])],
  );
}
