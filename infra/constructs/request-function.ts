import { CfnOutput } from 'aws-cdk-lib';
import { CfnPermission, CfnUrl } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { RequestNeeds } from '../needs.ts';
import type { SourcePlan } from '../pipelines/plan.ts';
import { StepFunction, type StepFunctionProps } from './step-function.ts';

/** A source that answers requests: a function with a URL. */
export class RequestFunction extends Construct {
  constructor(scope: Construct, id: string, props: StepFunctionProps<SourcePlan> & { readonly needs: RequestNeeds }) {
    super(scope, id);
    const { step, needs } = props;
    const { functionName, functionArn } = new StepFunction(this, 'Step', props);
    const authType = needs.callers === 'iam' ? 'AWS_IAM' : 'NONE';
    const url = new CfnUrl(this, 'Url', { targetFunctionArn: functionArn, authType });
    if (needs.callers === 'anyone') this.allowAnyone(functionName);
    new CfnOutput(this, 'Endpoint', {
      key: `Url${outputKeyOf(step.name)}`,
      description: `where events are sent to ${step.pipeline}/${step.name}`,
      value: url.attrFunctionUrl,
    });
  }

  /** Lambda demands both permissions: to call the URL, and to invoke the function, which this limits to the URL. */
  private allowAnyone(functionName: string): void {
    const anyone = { functionName, principal: '*' };
    new CfnPermission(this, 'CallUrl', {
      ...anyone,
      action: 'lambda:InvokeFunctionUrl',
      functionUrlAuthType: 'NONE',
    });
    new CfnPermission(this, 'InvokeByUrl', { ...anyone, action: 'lambda:InvokeFunction', invokedViaFunctionUrl: true });
  }
}

/** Turns a step's name into an output's key, which has only letters and digits. */
function outputKeyOf(name: string): string {
  return name.replaceAll(/(?:^|[-_])(.)/g, (_, letter: string) => letter.toUpperCase());
}
