import { RemovalPolicy } from 'aws-cdk-lib';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, type ILogGroup, LogGroup, MetricFilter, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { generationOf, HANDLER } from '../bundle.ts';
import { LIMITS } from '../delivery.ts';
import type { FunctionNetwork, Needs, Statement } from '../needs.ts';
import { type StepPlan, stepConfigOf } from '../pipelines/plan.ts';
import { explainWildcards } from './explained-wildcards.ts';
import { failuresOf } from './metrics.ts';
import { joinsItsNetwork, logGroupOf, statementsOf } from './step-statements.ts';
import { streamNameOf } from './stream-names.ts';
import type { Surroundings } from './surroundings.ts';

export interface StepFunctionProps<S extends StepPlan = StepPlan> {
  readonly step: S;
  readonly surroundings: Surroundings;
  /** The connector's. A transform has none. */
  readonly needs?: Needs;
}

/** What the construct that calls the function adds. */
interface Fed {
  /** The URL of its queue. */
  readonly queue?: string;
  readonly statements?: readonly Statement[];
}

/** The function of one step, with its log and a role of its own. What calls it is another construct's. */
export class StepFunction extends Construct {
  readonly functionName: string;
  readonly functionArn: string;

  constructor(scope: Construct, id: string, props: StepFunctionProps & Fed) {
    super(scope, id);
    const { step, surroundings, needs, queue } = props;
    const { names } = surroundings;
    const { path, sha256 } = surroundings.bundleOf(step.entry);
    const network = needs?.network;
    const limits = LIMITS[step.delivery];
    const functionName = names.step(step.pipeline, step.name);
    const statements = [
      ...statementsOf(step, names, needs),
      ...(props.statements ?? []),
      ...(network === undefined ? [] : joinsItsNetwork(functionName, names)),
    ];
    const config = stepConfigOf(step, {
      checkpoints: names.checkpoints,
      deadLetters: names.deadLetters,
      generation: generationOf({ sha256 }, step.options),
      nameOf: (stream) => streamNameOf(stream, names),
      ...(queue === undefined ? {} : { queue }),
      ...(needs === undefined ? {} : { resources: needs.resources }),
    });

    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      // Inline, so that nothing is created that assumes the role before it may do anything.
      inlinePolicies: { step: new PolicyDocument({ statements: statements.map(asPolicyStatement) }) },
    });
    explainWildcards(role, statements);
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: logGroupOf(functionName),
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    countFailures(logGroup, step);
    const code = new Asset(this, 'Code', { path });
    const lambda = new CfnFunction(this, 'Function', {
      functionName,
      description: `${step.kind} ${step.name} of pipeline ${step.pipeline}`,
      runtime: 'nodejs24.x',
      architectures: ['arm64'],
      code: { s3Bucket: code.s3BucketName, s3Key: code.s3ObjectKey },
      handler: HANDLER,
      environment: { variables: { STEP_CONFIG: JSON.stringify(config) } },
      role: role.roleArn,
      // A line of metrics is JSON already: Lambda's JSON format would wrap it, and CloudWatch would not find the metrics.
      loggingConfig: { logGroup: logGroup.logGroupName, logFormat: 'Text' },
      timeout: limits.timeoutSeconds,
      memorySize: limits.memoryMb,
      // A file that is read in many invocations is put back as often: Lambda would take that for a runaway loop after some sixteen.
      ...(step.delivery === 'queue' ? { recursiveLoop: 'Allow' } : {}),
      ...(network === undefined ? {} : { vpcConfig: vpcConfigOf(network) }),
    });
    // So that `cdk deploy --hotswap` and `cdk watch` find the code.
    code.addResourceMetadata(lambda, 'Code');
    this.functionName = lambda.ref;
    this.functionArn = lambda.attrArn;
  }
}

/**
 * Lambda counts an invocation that throws. A step that is to get its batch again says so in its answer, which Lambda counts as a success;
 * why is a line of the log.
 */
function countFailures(logGroup: ILogGroup, step: StepPlan): void {
  const { metricName, namespace } = failuresOf(step);
  new MetricFilter(logGroup, 'Failures', {
    logGroup,
    filterPattern: FilterPattern.stringValue('$.level', '=', 'error'),
    metricName,
    metricNamespace: namespace,
    metricValue: '1',
    dimensions: { pipeline: '$.pipeline', step: '$.step' },
  });
}

function vpcConfigOf({ subnetIds, securityGroupIds }: FunctionNetwork) {
  return { subnetIds: [...subnetIds], securityGroupIds: [...securityGroupIds] };
}

/** Its reason becomes its id, so that it can be read in the account too. */
function asPolicyStatement({ why, effect, actions, resources, conditions }: Statement): PolicyStatement {
  return new PolicyStatement({
    sid: why.replaceAll(/(?:^| )([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    effect: effect === 'deny' ? Effect.DENY : Effect.ALLOW,
    actions: [...actions],
    resources: [...resources],
    ...(conditions === undefined ? {} : { conditions }),
  });
}
