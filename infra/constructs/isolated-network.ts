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

export const POSTGRES_PORT = 5_432;
const HTTPS_PORT = 443;

const ADDRESSES = '10.0.0.0/16';

/**
 * A VPC for the database and the functions that call it. It has no way out: no NAT, no internet gateway. The functions
 * reach S3 and DynamoDB through gateway endpoints, which cost nothing, and Kinesis through one interface endpoint, for
 * the ranges and parents of shards and for slices. Lambda delivers batches and takes logs from outside of the VPC.
 */
export class IsolatedNetwork extends Construct implements FunctionNetwork {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];

  constructor(scope: Construct, id: string, { zones }: { readonly zones: readonly string[] | undefined }) {
    super(scope, id);
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(ADDRESSES),
      // A database needs subnets in at least two zones.
      ...(zones === undefined ? { maxAzs: 2 } : { availabilityZones: [...zones] }),
      natGateways: 0,
      createInternetGateway: false,
      // It would take a custom resource, and nothing of ours uses the default group.
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
        // Gateway endpoints have public addresses, which differ by region. There is no route to other public addresses.
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

/** Adds a security group whose members accept calls on one port and call nobody. */
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
    // Rules inside the group, not resources of their own, so that the group never exists without them.
    securityGroupIngress: callers.map((sourceSecurityGroupId) => ({
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
      sourceSecurityGroupId,
      description: `functions call ${what}`,
    })),
    // A group without a rule gets one that allows everything. This rule allows nothing that exists.
    securityGroupEgress: [
      { ipProtocol: 'icmp', fromPort: 252, toPort: 86, cidrIp: '255.255.255.255/32', description: 'none' },
    ],
  });
}
