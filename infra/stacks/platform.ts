import { CfnOutput, CfnResource, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { CHECKPOINT_TABLE_KEY } from '../../functions/runtime/checkpoints/checkpoints.ts';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Bundle } from '../bundle.ts';
import { DataBucket } from '../constructs/data-bucket.ts';
import { Database } from '../constructs/database.ts';
import { DatabaseAlarms } from '../constructs/database-alarms.ts';
import { DATABASE_INIT_ENTRY, DatabaseInit } from '../constructs/database-init.ts';
import { DATABASE_QUERY_ENTRY, DatabaseQuery } from '../constructs/database-query.ts';
import { IsolatedNetwork } from '../constructs/isolated-network.ts';
import { ON_FAILURE_ENTRY, OnFailureDocuments } from '../constructs/on-failure-documents.ts';
import type { Context } from '../context.ts';
import { DEFAULT_CLASS } from '../database-classes.ts';
import type { GivenDatabase } from '../given-database.ts';
import { type Names, namesOf } from '../names.ts';
import type { AwsDatabase, AwsResources, Bucket, FunctionNetwork } from '../needs.ts';

export interface PlatformProps {
  readonly context: Context;
  /** The ARNs of the streams that pipelines read and no pipeline creates. */
  readonly existingStreams: readonly string[];
  /** Returns the bundle of a function's entry. */
  bundleOf(entry: string): Bundle;
}

/** The stack that the pipelines of a stage share: checkpoints, dead letters, files and the database. */
export class PlatformStack extends Stack {
  readonly names: Names;
  readonly resources: Omit<AwsResources, 'secret'>;
  /** The removal policy of resources that hold data, here and in the pipelines. */
  readonly removal: RemovalPolicy;

  constructor(scope: Construct, id: string, props: PlatformProps) {
    const { context } = props;
    super(scope, id, { stackName: id, description: `Millrace's platform, stage ${context.stage}` });
    const { account, region, partition } = this;
    this.names = namesOf({ stage: context.stage, account, region, partition });
    this.removal = context.removal === 'destroy' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN;
    const { names, removal } = this;
    new Table(this, 'Checkpoints', {
      tableName: names.checkpoints,
      partitionKey: { name: CHECKPOINT_TABLE_KEY.partition, type: AttributeType.STRING },
      sortKey: { name: CHECKPOINT_TABLE_KEY.sort, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: removal === RemovalPolicy.RETAIN,
      removalPolicy: removal,
    });
    new DataBucket(this, 'DeadLetters', { bucketName: names.deadLetters, removal, announced: true });
    new DataBucket(this, 'Landing', { bucketName: names.landing, removal, announced: true });
    new DataBucket(this, 'Lake', { bucketName: names.lake, removal });
    const bundle = props.bundleOf(ON_FAILURE_ENTRY);
    new OnFailureDocuments(this, 'GivenUp', {
      names,
      bundle,
      existingStreams: props.existingStreams,
      topic: context.alarms,
    });
    this.resources = {
      landing: bucketOf(names, names.landing),
      lake: bucketOf(names, names.lake),
      database: this.databasesOf(props),
      account: { stage: context.stage, id: account, region, arnOf: names.arnOf, bucketArnOf: names.bucketArnOf },
      tables: {
        prefix: names.tablePrefix,
        arnOf: (name) => names.arnOf('dynamodb', `table/${names.tablePrefix}${name}`),
      },
    };
  }

  private databasesOf({ context, bundleOf }: Pick<PlatformProps, 'context' | 'bundleOf'>): AwsResources['database'] {
    const own =
      context.database === undefined ? this.addDatabase({ context, bundleOf }) : this.given(context.database, context);
    const { reader } = own;
    if (reader !== undefined) {
      const bundle = bundleOf(DATABASE_QUERY_ENTRY);
      new DatabaseQuery(this, 'DatabaseQuery', { names: this.names, database: { ...own, ...reader }, bundle });
    }
    const others = new Map(Object.entries(context.databases).map(([name, one]) => [name, this.given(one, context)]));
    return (name) => {
      const found = name === undefined ? own : others.get(name);
      if (found !== undefined) return found;
      const known = [...others.keys()].map((each) => `'${each}'`).join(', ') || 'none';
      throw new UserMistake(
        `unknown database '${name}' of a step: the context has ${known}; add it with -c databases='{"${name}": {…}}'`,
      );
    };
  }

  /** Describes a database from the context. Without a network in the context, it needs none. */
  private given(
    { secret, key, reader, maxConnections: _, ...server }: GivenDatabase,
    { network }: Context,
  ): AwsDatabase {
    const { resourceId, ...address } = server;
    const authenticationOf = (one: { user: string; secret?: string | undefined; key?: string | undefined }) =>
      one.secret === undefined
        ? { userArn: this.names.arnOf('rds-db', `dbuser:${resourceId}/${one.user}`) }
        : { secret: one.secret, key: one.key };
    return {
      ...address,
      network,
      authentication: authenticationOf({ user: server.user, secret, key }),
      reader: reader && { user: reader.user, authentication: authenticationOf(reader) },
    };
  }

  /** Adds the stage's own database, in the network of the context or one of its own. */
  private addDatabase({ context, bundleOf }: Pick<PlatformProps, 'context' | 'bundleOf'>): AwsDatabase {
    const network = context.network ?? new IsolatedNetwork(this, 'Network', { zones: context.zones });
    const { databaseClass: instance = DEFAULT_CLASS } = context;
    const database = new Database(this, 'Database', {
      names: this.names,
      network,
      removal: this.removal,
      instance,
    });
    if (this.removal === RemovalPolicy.RETAIN) this.keepSurroundingsOf(database, network);
    new DatabaseInit(this, 'DatabaseInit', { names: this.names, database, bundle: bundleOf(DATABASE_INIT_ENTRY) });
    new DatabaseAlarms(this, 'DatabaseAlarms', { names: this.names, topic: context.alarms, instance });
    this.addContextOutputs(database, network);
    return database;
  }

  /**
   * Keeps the subnets and security groups of a database that is kept. It uses them, so a stack that had to delete them
   * could not be removed.
   */
  private keepSurroundingsOf(...constructs: readonly unknown[]): void {
    for (const each of constructs.filter((construct) => CfnResource.isConstruct(construct))) {
      for (const resource of each.node.findAll().filter((child) => CfnResource.isCfnResource(child))) {
        resource.applyRemovalPolicy(RemovalPolicy.RETAIN);
      }
    }
  }

  /** Adds outputs with the context for a later stage that uses this database and network when this stack is gone. */
  private addContextOutputs(database: Database, network: FunctionNetwork & { readonly vpcId: string }): void {
    const { host, port, name, user, resourceId } = database;
    const { vpcId, subnetIds, securityGroupIds } = network;
    new CfnOutput(this, 'ContextDatabase', {
      description: '-c database=',
      value: this.toJsonString({ host, port, name, user, resourceId }),
    });
    new CfnOutput(this, 'ContextNetwork', {
      description: '-c network=',
      value: this.toJsonString({ vpcId, subnetIds, securityGroupIds }),
    });
  }
}

function bucketOf(names: Names, name: string): Bucket {
  return { name, arn: names.bucketArnOf(name) };
}
