import { Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnEventInvokeConfig } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import { rateOf } from '../delivery.ts';

/** What EventBridge Scheduler calls, how often, and with which event. */
export interface ScheduleProps {
  readonly functionName: string;
  readonly functionArn: string;
  readonly name: string;
  readonly description: string;
  readonly everyMillis: number;
  /** The event, as JSON. */
  readonly input: string;
}

/** Adds a schedule that calls a function, and what it needs for that, to the scope. */
export function addSchedule(scope: Construct, props: ScheduleProps): void {
  const { functionName, functionArn, name, description, everyMillis, input } = props;
  // No retries: the next run continues from where this one has come to.
  new CfnEventInvokeConfig(scope, 'Invocations', {
    functionName,
    qualifier: '$LATEST',
    maximumRetryAttempts: 0,
    maximumEventAgeInSeconds: within(everyMillis / 1_000, { least: 60, most: SIX_HOURS_IN_SECONDS }),
  });
  const role = new Role(scope, 'SchedulerRole', {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    inlinePolicies: {
      schedule: new PolicyDocument({
        statements: [
          new PolicyStatement({ sid: 'RunsTheStep', actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
        ],
      }),
    },
  });
  new CfnSchedule(scope, 'Schedule', {
    name,
    description,
    scheduleExpression: rateOf(everyMillis),
    flexibleTimeWindow: { mode: 'OFF' },
    target: { arn: functionArn, roleArn: role.roleArn, input, retryPolicy: { maximumRetryAttempts: 0 } },
  });
}

const SIX_HOURS_IN_SECONDS = 6 * 3_600;

function within(value: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(Math.max(value, least), most);
}
