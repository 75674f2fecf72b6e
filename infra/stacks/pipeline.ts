import { Stack } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { connectors } from '../connectors.ts';
import { EventStream } from '../constructs/event-stream.ts';
import { QueueFunction } from '../constructs/queue-function.ts';
import { RequestFunction } from '../constructs/request-function.ts';
import { ScheduledFunction } from '../constructs/scheduled-function.ts';
import { StreamFunction } from '../constructs/stream-function.ts';
import type { Surroundings } from '../constructs/surroundings.ts';
import type { AwsPlaces, ConnectorStep } from '../needs.ts';
import { type PipelinePlan, type SinkPlan, type SourcePlan, type StepPlan, schemaOf } from '../pipelines/plan.ts';

/** One pipeline: its streams, and a function for each step. */
export class PipelineStack extends Stack {
  private readonly surroundings: Surroundings;

  constructor(
    scope: Construct,
    id: string,
    props: { readonly plan: PipelinePlan; readonly surroundings: Surroundings },
  ) {
    const { plan, surroundings } = props;
    super(scope, id, { stackName: surroundings.names.pipelineStack(plan.name), description: `Pipeline ${plan.name}` });
    this.surroundings = surroundings;
    for (const stream of plan.streams) {
      new EventStream(this, `stream-${stream.name}`, {
        stream,
        streamName: surroundings.names.stream(plan.name, stream.name),
      });
    }
    for (const step of plan.steps) this.addStep(step);
  }

  private addStep(step: StepPlan): void {
    if (step.kind === 'source') this.addSource(step);
    else if (step.kind === 'transform') new StreamFunction(this, step.name, { step, surroundings: this.surroundings });
    else this.addSink(step);
  }

  private addSource(step: SourcePlan): void {
    const { surroundings } = this;
    const connector = connectors[step.connector];
    const places = this.placesOf(step);
    if (connector.delivery === 'request') {
      const needs = connector.onAws(asConnectorStep(step), places);
      new RequestFunction(this, step.name, { step, surroundings, needs });
    } else {
      const needs = connector.onAws(asConnectorStep(step), places);
      new QueueFunction(this, step.name, { step, surroundings, needs });
    }
  }

  private addSink(step: SinkPlan): void {
    const { surroundings } = this;
    const needs = connectors[step.connector].onAws(asConnectorStep(step), this.placesOf(step));
    const props = { step, surroundings, needs };
    if (step.every === undefined) new StreamFunction(this, step.name, props);
    else new ScheduledFunction(this, step.name, { ...props, everyMillis: step.every });
  }

  private placesOf(step: StepPlan): AwsPlaces {
    const { names, places } = this.surroundings;
    const made = new Map<string, Secret>();
    const secretOf = (purpose: string): Secret => {
      const secret =
        made.get(purpose) ??
        new Secret(this, `${step.name}-${purpose}`, {
          secretName: names.secret(step.pipeline, step.name, purpose),
          description: `${purpose} of ${step.pipeline}/${step.name}`,
          generateSecretString: { passwordLength: 40, excludePunctuation: true },
        });
      made.set(purpose, secret);
      return secret;
    };
    return { ...places, secret: (purpose) => secretOf(purpose).secretArn };
  }
}

function asConnectorStep(step: SourcePlan | SinkPlan): ConnectorStep {
  return { pipeline: step.pipeline, name: step.name, options: step.options, schema: schemaOf(step) };
}
