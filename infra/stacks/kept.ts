import { templateText } from '../constructs/template-text.ts';

/**
 * What must survive every update: resources that hold data, by their logical id, with the properties that
 * CloudFormation cannot change without making another, empty one in their place. Nothing at synth knows what an account
 * holds, so what was last deployed is recorded in files that are committed (`platform.kept.json` here,
 * `<pipeline>.kept.json` beside each pipeline) and compared with. `millrace kept` records.
 */
export type Kept = Readonly<Record<string, KeptResource>>;

export interface KeptResource {
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Template {
  readonly Resources?: Readonly<
    Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }>
  >;
}

/**
 * By type, what an update replaces a resource for: `createOnlyProperties` of CloudFormation's own schemas, as far as
 * our templates have them. `ShardCount` can be changed, but not by any amount.
 */
export const COMPARED: Readonly<Record<string, readonly string[]>> = {
  'AWS::Kinesis::Stream': ['Name', 'ShardCount'],
  'AWS::S3::Bucket': ['BucketName'],
  'AWS::DynamoDB::Table': ['TableName', 'KeySchema'],
  'AWS::RDS::DBInstance': [
    ...['DBInstanceIdentifier', 'DBName', 'DBSubnetGroupName', 'MasterUsername', 'StorageEncrypted', 'KmsKeyId'],
    'Engine',
  ],
  'AWS::RDS::DBSubnetGroup': ['DBSubnetGroupName'],
  'AWS::EC2::VPC': ['CidrBlock'],
  'AWS::EC2::Subnet': ['VpcId', 'AvailabilityZone', 'CidrBlock'],
  // Callers hold its value, and announcements are in the queue.
  'AWS::SecretsManager::Secret': ['Name'],
  'AWS::SQS::Queue': ['QueueName'],
  // Holds no data; but it is its position in the stream, and a second one for the same function and stream is refused.
  'AWS::Lambda::EventSourceMapping': ['EventSourceArn', 'StartingPosition', 'StartingPositionTimestamp'],
};

/** The part of a template that is recorded. `stage` is not: every stage has the same. */
export function keptOf(template: Template, stage: string): Kept {
  const kept = Object.entries(template.Resources ?? {}).flatMap(([id, { Type: type, Properties = {} }]) => {
    const properties = (COMPARED[type] ?? []).flatMap((name) =>
      Properties[name] === undefined ? [] : [[name, withoutStage(templateText(Properties[name]), stage)] as const],
    );
    return type in COMPARED ? [[id, { type, properties: Object.fromEntries(properties) }] as const] : [];
  });
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function withoutStage(value: unknown, stage: string): unknown {
  return typeof value === 'string' ? value.replaceAll(`millrace-${stage}`, 'millrace-<stage>') : value;
}
