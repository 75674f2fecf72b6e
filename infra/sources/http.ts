import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, RequestNeeds } from '../needs.ts';
import { readsSecret } from '../secret-statements.ts';

/** The option that the grants depend on. */
const Options = z.object({ callers: z.enum(['iam', 'bearer']).default('iam') });

/**
 * Describes the function URL. Callers sign their requests for IAM, or send a token that the function compares with a
 * secret created for the step.
 */
export function httpOnAws(step: ConnectorStep, { secret }: AwsResources): RequestNeeds {
  if (Options.parse(step.options).callers === 'iam') {
    return { resources: {}, statements: [], network: undefined, callers: 'iam' };
  }
  const token = secret('token');
  return {
    resources: { tokenSecret: token.secret },
    statements: readsSecret('reads the token that callers send', token),
    network: undefined,
    callers: 'anyone',
  };
}

/** On a laptop, where only this machine can call the source, the token is no secret: docs/connectors.md names it. */
export function httpOnLaptop({ options }: ConnectorStep, _resources: LaptopResources): unknown {
  return Options.parse(options).callers === 'iam' ? {} : { laptopToken: 'laptop' };
}
