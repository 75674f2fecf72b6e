import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { generationOf } from '../bundle.ts';
import { LIMITS } from '../delivery.ts';
import type { Needs, Statement } from '../needs.ts';
import { type StepPlan, stepConfigOf } from '../pipelines/plan.ts';
import { addBundledFunction } from './bundled-function.ts';
import { failuresOf } from './metrics.ts';
import { descriptionOf } from './step-description.ts';
import { statementsOf } from './step-statements.ts';
import { streamArnOf } from './stream-names.ts';
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
    const config = stepConfigOf(step, {
      checkpoints: names.checkpoints,
      deadLetters: names.deadLetters,
      generation: generationOf({ sha256 }, step.options),
      // GetRecords names no stream unless by its ARN, and who checks permissions has to know which it is.
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
      // A file that is read in many invocations is put back as often.
      ...(step.delivery === 'queue' ? { recursiveLoop: 'Allow' } : {}),
      path,
      config,
      names,
    });
    countFailures(logGroup, step);
    this.functionName = lambda.ref;
    this.functionArn = lambda.attrArn;
  }
}

/**
 * Lambda counts an invocation that throws. A step that is to get its batch again says so in its answer, which Lambda
 * counts as a success; why is a line of the log.
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
