import { RemovalPolicy } from 'aws-cdk-lib';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { type ILogGroup, LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import type { EnvironmentConfig } from '../../functions/runtime/step-config.ts';
import { HANDLER } from '../bundle.ts';
import { type Limits, RUNTIME } from '../delivery.ts';
import type { Names } from '../names.ts';
import type { FunctionNetwork, Statement } from '../needs.ts';
import { explainWildcards } from './explained-wildcards.ts';
import { joinsItsNetwork, logGroupOf, writesItsLog } from './step-statements.ts';

export interface BundledFunctionProps {
  readonly functionName: string;
  readonly description: string;
  /** The folder of the function's bundle. */
  readonly path: string;
  /** The part of the configuration that is not in the bundle. */
  readonly config: EnvironmentConfig;
  readonly limits: Limits;
  /** The permissions of the function, apart from those to write its log and to join its network. */
  readonly statements: readonly Statement[];
  readonly network: FunctionNetwork | undefined;
  /**
   * For a function that sends the message that called it back to the queue a bounded number of times. Lambda stops what
   * it takes for a runaway loop after about sixteen rounds.
   */
  readonly recursiveLoop?: 'Allow';
  readonly names: Names;
}

/** Adds a function, its log group and its role to the scope. */
export function addBundledFunction(
  scope: Construct,
  props: BundledFunctionProps,
): { readonly lambda: CfnFunction; readonly logGroup: ILogGroup } {
  const { functionName, description, path, config, limits, network, recursiveLoop, names } = props;
  const statements = [
    writesItsLog(functionName, names),
    ...props.statements,
    ...(network === undefined ? [] : joinsItsNetwork(functionName, names)),
  ];
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    // Inline, so that nothing uses the role before it has its permissions.
    inlinePolicies: { step: new PolicyDocument({ statements: statements.map(asPolicyStatement) }) },
  });
  explainWildcards(role, statements);
  const logGroup = new LogGroup(scope, 'Log', {
    logGroupName: logGroupOf(functionName),
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const code = new Asset(scope, 'Code', { path });
  const lambda = new CfnFunction(scope, 'Function', {
    functionName,
    description,
    runtime: RUNTIME,
    architectures: ['arm64'],
    code: { s3Bucket: code.s3BucketName, s3Key: code.s3ObjectKey },
    handler: HANDLER,
    environment: { variables: { STEP_CONFIG: JSON.stringify(config) } },
    role: role.roleArn,
    // A line of metrics is JSON already: Lambda's JSON format would wrap it, and CloudWatch would not find the metrics.
    loggingConfig: { logGroup: logGroup.logGroupName, logFormat: 'Text' },
    timeout: limits.timeoutSeconds,
    memorySize: limits.memoryMb,
    ...(recursiveLoop === undefined ? {} : { recursiveLoop }),
    ...(network === undefined ? {} : { vpcConfig: vpcConfigOf(network) }),
  });
  // `cdk deploy --hotswap` and `cdk watch` find the code by this metadata.
  code.addResourceMetadata(lambda, 'Code');
  return { lambda, logGroup };
}

function vpcConfigOf({ subnetIds, securityGroupIds }: FunctionNetwork) {
  return { subnetIds: [...subnetIds], securityGroupIds: [...securityGroupIds] };
}

/** Turns a statement into CDK's form. Its reason becomes the `Sid`, which can be read in the account. */
export function asPolicyStatement({ why, effect, actions, resources, conditions }: Statement): PolicyStatement {
  return new PolicyStatement({
    sid: why.replaceAll(/(?:^| )([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    effect: effect === 'deny' ? Effect.DENY : Effect.ALLOW,
    actions: [...actions],
    resources: [...resources],
    ...(conditions === undefined ? {} : { conditions }),
  });
}
