import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnDBInstance, CfnDBParameterGroup, CfnDBSubnetGroup } from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import { READER } from '../../functions/clients/query.ts';
import type { DatabaseClass } from '../database-classes.ts';
import type { Names } from '../names.ts';
import type { AwsDatabase, FunctionNetwork } from '../needs.ts';
import { callableBy, POSTGRES_PORT } from './isolated-network.ts';

/** The user of the sinks. It logs in by IAM (`rds_iam`) and has no password. */
const SINKS_USER = 'millrace_sinks';
const DATABASE = 'millrace';

/** RDS itself would make the groups of these logs, and keep every line for ever. */
const LOGS = ['postgresql', 'upgrade'];

/**
 * RDS Postgres: encrypted, TLS enforced, IAM authentication, backups of a week, reached from inside its network only.
 * RDS makes the administrator's password, keeps it in a secret and rotates it.
 */
export class Database extends Construct implements AwsDatabase {
  readonly host: string;
  readonly port = POSTGRES_PORT;
  readonly name = DATABASE;
  readonly user = SINKS_USER;
  readonly authentication: { readonly userArn: string };
  readonly reader: { readonly user: string; readonly authentication: { readonly userArn: string } };
  readonly network: FunctionNetwork;
  /** The id of the instance in IAM statements. */
  readonly resourceId: string;
  /** The ARN of the administrator's secret. */
  readonly administratorSecret: string;

  constructor(
    scope: Construct,
    id: string,
    props: {
      readonly names: Names;
      readonly network: FunctionNetwork & { readonly vpcId: string };
      readonly removal: RemovalPolicy;
      readonly instance: DatabaseClass;
    },
  ) {
    super(scope, id);
    const { names, network, removal, instance: dbInstanceClass } = props;
    const subnets = new CfnDBSubnetGroup(this, 'Subnets', {
      dbSubnetGroupDescription: `database of ${names.database}`,
      subnetIds: [...network.subnetIds],
    });
    const callers = callableBy(this, 'Callers', {
      vpcId: network.vpcId,
      callers: network.securityGroupIds,
      port: POSTGRES_PORT,
      what: 'the database',
    });
    const parameters = new CfnDBParameterGroup(this, 'Parameters', {
      description: `parameters of ${names.database}`,
      family: 'postgres18',
      parameters: { 'rds.force_ssl': '1' },
    });
    const logs = LOGS.map(
      (log) =>
        new LogGroup(this, `Log-${log}`, {
          logGroupName: `/aws/rds/instance/${names.database}/${log}`,
          retention: RetentionDays.ONE_MONTH,
          removalPolicy: removal,
        }),
    );
    const instance = new CfnDBInstance(this, 'Instance', {
      dbInstanceIdentifier: names.database,
      engine: 'postgres',
      engineVersion: '18',
      autoMinorVersionUpgrade: true,
      caCertificateIdentifier: 'rds-ca-rsa2048-g1',
      dbInstanceClass,
      storageType: 'gp3',
      allocatedStorage: '20',
      maxAllocatedStorage: 200,
      storageEncrypted: true,
      dbName: DATABASE,
      masterUsername: 'millrace_admin',
      manageMasterUserPassword: true,
      enableIamDatabaseAuthentication: true,
      dbSubnetGroupName: subnets.ref,
      vpcSecurityGroups: [callers.attrGroupId],
      publiclyAccessible: false,
      dbParameterGroupName: parameters.ref,
      backupRetentionPeriod: 7,
      copyTagsToSnapshot: true,
      deletionProtection: removal === RemovalPolicy.RETAIN,
      enableCloudwatchLogsExports: [...LOGS],
    });
    instance.node.addDependency(...logs);
    instance.applyRemovalPolicy(removal);
    explainWhatIsMissing(instance, removal);
    this.network = network;
    this.resourceId = instance.attrDbiResourceId;
    this.administratorSecret = instance.attrMasterUserSecretSecretArn;
    this.host = instance.attrEndpointAddress;
    const userArn = (user: string): string => names.arnOf('rds-db', `dbuser:${this.resourceId}/${user}`);
    this.authentication = { userArn: userArn(SINKS_USER) };
    this.reader = { user: READER, authentication: { userArn: userArn(READER) } };
  }
}

/** Acknowledges the rules of cdk-nag that the database does not follow. */
function explainWhatIsMissing(instance: CfnDBInstance, removal: RemovalPolicy): void {
  const validations = Validations.of(instance);
  validations.acknowledge(
    {
      id: 'AwsSolutions-RDS3',
      reason:
        'while the database is away, streams keep the events and steps go on from their positions: a second one doubles its price',
    },
    {
      id: 'AwsSolutions-RDS11',
      reason:
        'it is reached by one security group inside a network without a way in: a port that is harder to guess protects nothing',
    },
  );
  if (removal !== RemovalPolicy.DESTROY) return;
  validations.acknowledge({
    id: 'AwsSolutions-RDS10',
    reason: 'the context says that nothing outlives its stack: removal=destroy',
  });
}
