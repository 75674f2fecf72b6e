import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { type CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { connectors } from '../connectors.ts';
import { EventStream } from '../constructs/event-stream.ts';
import { PipelineAlarms } from '../constructs/pipeline-alarms.ts';
import { PipelineDashboard } from '../constructs/pipeline-dashboard.ts';
import { QueueFunction } from '../constructs/queue-function.ts';
import { RequestFunction } from '../constructs/request-function.ts';
import { ScheduledFunction } from '../constructs/scheduled-function.ts';
import type { StepFunctionProps } from '../constructs/step-function.ts';
import { StreamFunction } from '../constructs/stream-function.ts';
import type { Surroundings } from '../constructs/surroundings.ts';
import { TickFunction } from '../constructs/tick-function.ts';
import { TopicRuleSource } from '../constructs/topic-rule-source.ts';
import { pullEveryMillis } from '../delivery.ts';
import type { AwsResources, ConnectorStep } from '../needs.ts';
import {
  outputSchemasOf,
  type PipelinePlan,
  type ReaderPlan,
  type SinkPlan,
  type SourcePlan,
  type StepPlan,
  schemaOf,
  type TablePlan,
  type TransformPlan,
} from '../pipelines/plan.ts';
import type { OwnStreamPlan } from '../pipelines/streams.ts';
import { databaseNeeds } from '../sinks/postgres.ts';
import { isFedByRule } from '../sources/topic-rule.ts';

/** The stack of one pipeline: its streams, a function for each step, alarms and a dashboard. */
export class PipelineStack extends Stack {
  private readonly surroundings: Surroundings;
  private readonly streams: ReadonlyMap<string, EventStream>;
  /** The ids of the streams' mappings, by the names of their steps. */
  private readonly mappings = new Map<string, string>();

  constructor(
    scope: Construct,
    id: string,
    props: { readonly plan: PipelinePlan; readonly surroundings: Surroundings },
  ) {
    const { plan, surroundings } = props;
    super(scope, id, { stackName: surroundings.names.pipelineStack(plan.name), description: `Pipeline ${plan.name}` });
    this.surroundings = surroundings;
    this.streams = new Map(plan.streams.map((stream) => [stream.name, this.addStream(stream)]));
    for (const step of plan.steps) this.addStep(step);
    for (const stream of plan.ticked) new TickFunction(this, `ticks-${stream.name}`, { stream, surroundings });
    new PipelineAlarms(this, 'Alarms', { plan, surroundings, mappings: this.mappings });
    new PipelineDashboard(this, 'Dashboard', {
      plan,
      names: surroundings.names,
      ownsDatabase: surroundings.ownsDatabase,
    });
  }

  private addStream(stream: OwnStreamPlan): EventStream {
    const { names, removal } = this.surroundings;
    const streamName = names.stream(stream.pipeline, stream.name);
    return new EventStream(this, `stream-${stream.name}`, { stream, streamName, removal });
  }

  private addStep(step: StepPlan): void {
    if (step.kind === 'source') this.addSourceStep(step);
    else if (step.kind === 'transform') this.addTransformStep(step);
    else if (step.kind === 'table') this.addTableStep(step);
    else this.addSinkStep(step);
  }

  private addTransformStep(step: TransformPlan): void {
    this.addStreamFunction({ step, surroundings: this.surroundings });
  }

  /** A table is in the stage's own database. */
  private addTableStep(step: TablePlan): void {
    const { surroundings } = this;
    this.addStreamFunction({ step, surroundings, needs: databaseNeeds(surroundings.resources.database(undefined)) });
  }

  private addSourceStep(step: SourcePlan): void {
    const { surroundings } = this;
    if (isFedByRule(step)) {
      new TopicRuleSource(this, step.name, { step, surroundings });
      return;
    }
    const connector = connectors[step.connector];
    const resources = this.resourcesOf(step);
    if (connector.delivery === 'request') {
      const needs = connector.onAws(asConnectorStep(step), resources);
      new RequestFunction(this, step.name, { step, surroundings, needs });
    } else if (connector.delivery === 'pulled') {
      const needs = connector.onAws(asConnectorStep(step), resources);
      new ScheduledFunction(this, step.name, { step, surroundings, needs, everyMillis: pullEveryMillis(step) });
    } else {
      const needs = connector.onAws(asConnectorStep(step), resources);
      new QueueFunction(this, step.name, { step, surroundings, needs });
    }
  }

  private addSinkStep(step: SinkPlan): void {
    const { surroundings } = this;
    const needs = connectors[step.connector].onAws(asConnectorStep(step), this.resourcesOf(step));
    const props = { step, surroundings, needs };
    if (step.every === undefined) this.addStreamFunction(props);
    else new ScheduledFunction(this, step.name, { ...props, everyMillis: step.every });
  }

  private addStreamFunction(props: StepFunctionProps<ReaderPlan>): void {
    const { step } = props;
    const { mappingId } = new StreamFunction(this, step.name, { ...props, stream: this.inputOf(step) });
    this.mappings.set(step.name, mappingId);
  }

  /** Finds the step's input among this stack's streams. Undefined: another stack, or nobody of ours, creates it. */
  private inputOf({ pipeline, input: { stream } }: ReaderPlan): EventStream | undefined {
    return stream.kind === 'own' && stream.pipeline === pipeline ? this.streams.get(stream.name) : undefined;
  }

  private resourcesOf(step: StepPlan): AwsResources {
    const { names, resources, removal, key } = this.surroundings;
    const made = new Map<string, Secret>();
    const secretOf = (purpose: string): Secret => {
      const secret =
        made.get(purpose) ??
        new Secret(this, `${step.name}-${purpose}`, {
          secretName: names.secret(step.pipeline, step.name, purpose),
          description: `${purpose} of ${step.pipeline}/${step.name}`,
          generateSecretString: { passwordLength: 40, excludePunctuation: true },
        });
      // Not as a construct of the key, which would add rights that nobody needs.
      if (key !== undefined) (secret.node.defaultChild as CfnSecret).kmsKeyId = key;
      // Callers have its value. A first deployment that fails takes it away again: its name would be in the way.
      secret.applyRemovalPolicy(
        removal === RemovalPolicy.RETAIN ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
      );
      Validations.of(secret).acknowledge({
        id: 'AwsSolutions-SMG4',
        reason: 'people carry it to the callers: who changes it on a day of its own locks them out',
      });
      made.set(purpose, secret);
      return secret;
    };
    return { ...resources, secret: (purpose) => ({ secret: secretOf(purpose).secretArn, key }) };
  }
}

function asConnectorStep(step: SourcePlan | SinkPlan): ConnectorStep {
  return {
    pipeline: step.pipeline,
    name: step.name,
    options: step.options,
    schema: schemaOf(step),
    versions: step.kind === 'sink' ? step.input.stream.versions : undefined,
    ...outputSchemasOf(step),
  };
}
