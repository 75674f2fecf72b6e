import { join } from 'node:path';
import { pythonEnvironment } from '../../../kit/python-environment.ts';

/** The AWS CLI and boto3, as users have them. */
export async function awsTools(): Promise<{ aws: string; python: string }> {
  const bin = await pythonEnvironment(['awscli==1.46.3', 'boto3==1.44.5'], 'to try the AWS CLI and boto3');
  return { aws: join(bin, 'aws'), python: join(bin, 'python') };
}
