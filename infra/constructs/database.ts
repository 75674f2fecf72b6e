import { CfnDeletionPolicy } from 'aws-cdk-lib';
import { CfnDBInstance, CfnDBParameterGroup, CfnDBSubnetGroup } from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import type { Names } from '../names.ts';
import type { AwsDatabase } from '../needs.ts';
import { callableBy, POSTGRES_PORT } from './isolated-network.ts';
import type { FunctionNetwork } from './surroundings.ts';

/** The user that sinks log in as, with `rds_iam`: no password exists. */
const SINKS_USER = 'millrace_sinks';
const DATABASE = 'millrace';

/**
 * RDS Postgres: encrypted, TLS enforced, IAM authentication, backups of a week; reached from inside its network only. It outlives its
 * stack. Its administrator's password is in a secret that RDS makes and changes.
 */
export class Database extends Construct implements AwsDatabase {
  readonly host: string;
  readonly port = POSTGRES_PORT;
  readonly name = DATABASE;
  readonly user = SINKS_USER;
  readonly authentication: { readonly userArn: string };

  constructor(
    scope: Construct,
    id: string,
    props: { readonly names: Names; readonly network: FunctionNetwork & { readonly vpcId: string } },
  ) {
    super(scope, id);
    const { names, network } = props;
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
    const instance = new CfnDBInstance(this, 'Instance', {
      dbInstanceIdentifier: names.database,
      engine: 'postgres',
      engineVersion: '18',
      autoMinorVersionUpgrade: true,
      caCertificateIdentifier: 'rds-ca-rsa2048-g1',
      dbInstanceClass: 'db.t4g.small',
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
      deletionProtection: true,
      enableCloudwatchLogsExports: ['postgresql', 'upgrade'],
    });
    instance.cfnOptions.deletionPolicy = CfnDeletionPolicy.RETAIN;
    instance.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
    this.host = instance.attrEndpointAddress;
    this.authentication = {
      userArn: names.arnOf('rds-db', `dbuser:${instance.attrDbiResourceId}/${SINKS_USER}`),
    };
  }
}
