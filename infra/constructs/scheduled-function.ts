import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnEventInvokeConfig } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { SinkPlan } from '../pipelines/plan.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';

/**
 * A scheduled step: a function that EventBridge Scheduler calls. Runs may come twice and overlap, so the step takes a
 * lease on each shard.
 */
export class ScheduledFunction extends Construct {
  constructor(scope: Construct, id: string, props: StepFunctionProps<SinkPlan> & { readonly everyMillis: number }) {
    super(scope, id);
    const { step, surroundings, everyMillis } = props;
    const every = Duration.millis(everyMillis);
    const { functionName, functionArn } = new StepFunction(this, 'Step', props);
    // No retries: the next run continues from the position.
    new CfnEventInvokeConfig(this, 'Invocations', {
      functionName,
      qualifier: '$LATEST',
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: within(every.toSeconds(), { least: 60, most: SIX_HOURS_IN_SECONDS }),
    });
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      inlinePolicies: {
        schedule: new PolicyDocument({
          statements: [
            new PolicyStatement({ sid: 'RunsTheStep', actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
          ],
        }),
      },
    });
    new CfnSchedule(this, 'Schedule', {
      name: surroundings.names.step(step.pipeline, step.name),
      description: `runs sink ${step.name} of pipeline ${step.pipeline}`,
      scheduleExpression: rateOf(every),
      flexibleTimeWindow: { mode: 'OFF' },
      target: { arn: functionArn, roleArn: role.roleArn, input: '{}', retryPolicy: { maximumRetryAttempts: 0 } },
    });
  }
}

const SIX_HOURS_IN_SECONDS = 6 * 3_600;

function within(value: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(Math.max(value, least), most);
}

function rateOf(every: Duration): string {
  const minutes = every.toMinutes();
  return `rate(${minutes} ${minutes === 1 ? 'minute' : 'minutes'})`;
}
