import { dirname } from 'node:path';
import { LambdaError } from '../lambda-error.ts';
import type { FunctionDefinition } from './function-definition.ts';

/** The region, account and credentials that functions see. */
export interface HostIdentity {
  readonly region: string;
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Builds the environment of a function's process. Nothing comes from this process's own. */
export function environmentOf(definition: FunctionDefinition, identity: HostIdentity): Record<string, string> {
  const { name, bundlePath, handlerName, environment, memoryMb } = definition;
  const ofLambda = {
    _HANDLER: handlerName,
    AWS_ACCESS_KEY_ID: identity.accessKeyId,
    AWS_DEFAULT_REGION: identity.region,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${name}`,
    AWS_REGION: identity.region,
    AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
    AWS_SESSION_TOKEN: 'local',
    LAMBDA_TASK_ROOT: dirname(bundlePath),
  };
  refuseReserved(environment, ofLambda);
  refuseTooLarge(environment);
  return { LANG: 'en_US.UTF-8', PATH: '/usr/local/bin:/usr/bin:/bin', TZ: ':UTC', ...environment, ...ofLambda };
}

function refuseReserved(environment: Readonly<Record<string, string>>, reserved: object): void {
  const names = Object.keys(environment).filter((name) => name in reserved);
  if (names.length === 0) return;
  throw new LambdaError(
    'InvalidParameterValueException',
    'Lambda was unable to configure your environment variables because the environment variables you have provided contains ' +
      `reserved keys that are currently not supported for modification. Reserved keys used in this request: ${names.join(', ')}`,
  );
}

/** Lambda allows 4 KB for all variables together. */
function refuseTooLarge(environment: Readonly<Record<string, string>>): void {
  const bytes = Buffer.byteLength(JSON.stringify(environment));
  if (bytes <= 4_096) return;
  throw new LambdaError(
    'InvalidParameterValueException',
    'Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the ' +
      `4KB limit: they are ${bytes} bytes`,
  );
}
