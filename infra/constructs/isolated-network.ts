import { Stack, Validations } from 'aws-cdk-lib';
import {
  CfnSecurityGroup,
  CfnVPCEndpoint,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { FunctionNetwork } from '../needs.ts';

/** Of Postgres and of HTTPS. */
export const POSTGRES_PORT = 5_432;
const HTTPS_PORT = 443;

const ADDRESSES = '10.0.0.0/16';

/**
 * A VPC for the database and the functions that call it, with no way out: no NAT, no internet gateway. The functions
 * reach S3 and DynamoDB through gateway endpoints, which cost nothing, and Kinesis through the one interface endpoint:
 * for shards' ranges and parents, and for slices. Lambda itself brings them their batches and takes their logs.
 */
export class IsolatedNetwork extends Construct implements FunctionNetwork {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(ADDRESSES),
      // The least that a database's subnets may lie in.
      maxAzs: 2,
      natGateways: 0,
      createInternetGateway: false,
      // A custom resource would do it; nothing of ours uses the default group.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      gatewayEndpoints: {
        s3: { service: GatewayVpcEndpointAwsService.S3 },
        dynamodb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
    });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason: 'there is no way in or out to watch, and who may call whom inside is said by three security groups',
    });
    const functions = new CfnSecurityGroup(this, 'Functions', {
      vpcId: vpc.vpcId,
      groupDescription: 'functions that call the database',
      securityGroupEgress: [
        // The addresses of the gateway endpoints are public ones, and differ by region; there is no route to any
        // others.
        { ipProtocol: 'tcp', fromPort: HTTPS_PORT, toPort: HTTPS_PORT, cidrIp: '0.0.0.0/0', description: 'endpoints' },
        {
          ipProtocol: 'tcp',
          fromPort: POSTGRES_PORT,
          toPort: POSTGRES_PORT,
          cidrIp: ADDRESSES,
          description: 'database',
        },
      ],
    });
    const endpoint = callableBy(this, 'KinesisCallers', {
      vpcId: vpc.vpcId,
      callers: [functions.attrGroupId],
      port: HTTPS_PORT,
      what: 'the endpoint of kinesis',
    });
    new CfnVPCEndpoint(this, 'Kinesis', {
      vpcId: vpc.vpcId,
      vpcEndpointType: 'Interface',
      serviceName: `com.amazonaws.${Stack.of(this).region}.kinesis-streams`,
      subnetIds: vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
      securityGroupIds: [endpoint.attrGroupId],
      privateDnsEnabled: true,
    });
    this.vpcId = vpc.vpcId;
    this.subnetIds = vpc.isolatedSubnets.map(({ subnetId }) => subnetId);
    this.securityGroupIds = [functions.attrGroupId];
  }
}

/** A security group that lets others call one port, and whose members call nobody. */
export function callableBy(
  scope: Construct,
  id: string,
  props: {
    readonly vpcId: string;
    readonly callers: readonly string[];
    readonly port: number;
    readonly what: string;
  },
): CfnSecurityGroup {
  const { vpcId, callers, port, what } = props;
  return new CfnSecurityGroup(scope, id, {
    vpcId,
    groupDescription: `callers of ${what}`,
    // Inside the group and not resources of their own, so that a group is never there without them.
    securityGroupIngress: callers.map((sourceSecurityGroupId) => ({
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
      sourceSecurityGroupId,
      description: `functions call ${what}`,
    })),
    // Without one, a group is given a rule that allows everything: this allows nothing that exists.
    securityGroupEgress: [
      { ipProtocol: 'icmp', fromPort: 252, toPort: 86, cidrIp: '255.255.255.255/32', description: 'none' },
    ],
  });
}
