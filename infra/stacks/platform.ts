import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints.ts';
import { DataBucket } from '../constructs/data-bucket.ts';
import { Database } from '../constructs/database.ts';
import { IsolatedNetwork } from '../constructs/isolated-network.ts';
import type { FunctionNetwork } from '../constructs/surroundings.ts';
import type { Context } from '../context.ts';
import { type Names, namesOf } from '../names.ts';
import type { AwsDatabase, AwsPlaces, Bucket } from '../needs.ts';

/** What the pipelines of a stage share: where positions, dead letters, files and tables are. */
export class PlatformStack extends Stack {
  readonly names: Names;
  readonly places: Omit<AwsPlaces, 'secret'>;
  readonly network: FunctionNetwork | undefined;

  constructor(scope: Construct, id: string, context: Context) {
    super(scope, id, { stackName: id, description: `Millrace's platform, stage ${context.stage}` });
    const { account, region, partition } = this;
    this.names = namesOf({ stage: context.stage, account, region, partition });
    const { names } = this;
    new Table(this, 'Checkpoints', {
      tableName: names.checkpoints,
      partitionKey: { name: CHECKPOINT_TABLE_KEY.partition, type: AttributeType.STRING },
      sortKey: { name: CHECKPOINT_TABLE_KEY.sort, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new DataBucket(this, 'DeadLetters', { bucketName: names.deadLetters });
    new DataBucket(this, 'Landing', { bucketName: names.landing, announced: true });
    new DataBucket(this, 'Lake', { bucketName: names.lake });
    const { database, network } = this.databaseOf(context);
    this.network = network;
    this.places = { landing: bucketOf(names, names.landing), lake: bucketOf(names, names.lake), database };
  }

  /** The stage's own, or the given ones. A given database without a network is one that needs none. */
  private databaseOf(context: Context): { database: AwsDatabase; network: FunctionNetwork | undefined } {
    if (context.database !== undefined) {
      const { secret, ...server } = context.database;
      return { database: { ...server, authentication: { secret } }, network: context.network };
    }
    const network = context.network ?? new IsolatedNetwork(this, 'Network');
    return { database: new Database(this, 'Database', { names: this.names, network }), network };
  }
}

function bucketOf(names: Names, name: string): Bucket {
  return { name, arn: names.bucketArnOf(name) };
}
