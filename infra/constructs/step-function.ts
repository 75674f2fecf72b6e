import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { generationOf } from '../bundle.ts';
import { configuredBundle } from '../configured-bundle.ts';
import { LIMITS } from '../delivery.ts';
import type { Names } from '../names.ts';
import type { Needs, Statement } from '../needs.ts';
import type { StepPlan } from '../pipelines/plan.ts';
import { stepConfigPartsOf } from '../pipelines/step-config.ts';
import { addBundledFunction } from './bundled-function.ts';
import { failuresOf } from './metrics.ts';
import { descriptionOf } from './step-description.ts';
import { statementsOf } from './step-statements.ts';
import { streamArnOf } from './stream-names.ts';
import type { Surroundings } from './surroundings.ts';

export interface StepFunctionProps<S extends StepPlan = StepPlan> {
  readonly step: S;
  readonly surroundings: Surroundings;
  /** The needs of the step's connector. A transform has none. */
  readonly needs?: Needs;
}

/** Settings that the construct around it adds. */
interface CallerSettings {
  /** The URL of the step's queue. */
  readonly queue?: string;
  readonly statements?: readonly Statement[];
}

/** The function of one step, with its log group and role. Another construct adds what calls the function. */
export class StepFunction extends Construct {
  readonly functionName: string;
  readonly functionArn: string;

  constructor(scope: Construct, id: string, props: StepFunctionProps & CallerSettings) {
    super(scope, id);
    const { step, surroundings, needs, queue } = props;
    const { names } = surroundings;
    const bundle = surroundings.bundleOf(step.entry);
    const { environment, bundled } = stepConfigPartsOf(step, {
      stage: names.stage,
      checkpoints: names.checkpoints,
      deadLetters: names.deadLetters,
      lake: names.lake,
      generation: generationOf(bundle, step.options),
      // ARNs, not names: GetRecords can name its stream only by the ARN, and permission checks need to know the stream.
      nameOf: (stream) => streamArnOf(stream, names),
      ...(queue === undefined ? {} : { queue }),
      ...(needs === undefined ? {} : { resources: needs.resources }),
    });
    const { lambda, logGroup } = addBundledFunction(this, {
      functionName: names.step(step.pipeline, step.name),
      description: descriptionOf(step),
      statements: [...statementsOf(step, names, needs), ...(props.statements ?? [])],
      limits: LIMITS[step.delivery],
      network: needs?.network,
      // The announcement of a large file is sent back once for each invocation that reads on.
      ...(step.delivery === 'queue' ? { recursiveLoop: 'Allow' } : {}),
      path: configuredBundle(bundle, bundled),
      config: environment,
      names,
    });
    countFailures(logGroup, step, names);
    this.functionName = lambda.ref;
    this.functionArn = lambda.attrArn;
  }
}

/**
 * Adds a metric of failures. Lambda's own counts only invocations that throw. A step asks for its batch again by its
 * answer, which Lambda counts as a success, and writes the reason into its log.
 */
function countFailures(logGroup: ILogGroup, step: StepPlan, names: Names): void {
  const { metricName, namespace } = failuresOf(step, names);
  new MetricFilter(logGroup, 'Failures', {
    logGroup,
    filterPattern: FilterPattern.stringValue('$.level', '=', 'error'),
    metricName,
    metricNamespace: namespace,
    metricValue: '1',
    dimensions: { stage: '$.stage', pipeline: '$.pipeline', step: '$.step' },
  });
}
