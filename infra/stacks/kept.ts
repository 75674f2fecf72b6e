import { templateText } from '../constructs/template-text.ts';

/**
 * The resources that every update must keep: those that hold data, by their logical id, with the properties that
 * CloudFormation can only change by replacing the resource with an empty one. Synthesizing knows nothing of an account,
 * so the resources are recorded in committed files (`platform.kept.json` here, `<pipeline>.kept.json` beside each
 * pipeline), and each synth compares with them. `millrace kept` writes the files. A stage that is deployed later than
 * another may have other values for a while (`kept-stages.ts`).
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
 * By type, the properties whose change replaces a resource: the `createOnlyProperties` of CloudFormation's schemas that
 * our templates use. `ShardCount` can be changed, but not by any amount.
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
  // Callers have a secret's value, and a queue holds announcements.
  'AWS::SecretsManager::Secret': ['Name'],
  'AWS::SQS::Queue': ['QueueName'],
  // A mapping holds no data, but Lambda refuses a second one for the same function and stream.
  'AWS::Lambda::EventSourceMapping': ['EventSourceArn', 'StartingPosition', 'StartingPositionTimestamp'],
};

/**
 * Takes the part to record out of a template. The stage's name is left out, so that every stage has the same record.
 */
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
