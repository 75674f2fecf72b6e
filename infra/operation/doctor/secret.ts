import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { type Finding, look } from './finding.ts';
import { deployCommand, type ExaminedStage } from './stage.ts';

/** A secret of a step, which the deployment makes and people fill. */
export interface StepSecret {
  readonly pipeline: string;
  readonly step: string;
  /** The last part of its name. */
  readonly purpose: string;
  /** Returns what is wrong with its text: what it should be, and no word of what it is. Undefined: nothing is. */
  readonly faultIn: (text: string) => string | undefined;
}

export interface StageWithSecrets extends ExaminedStage {
  readonly secrets: Pick<SecretsManagerClient, 'send'>;
}

/**
 * Looks whether a secret is there and has the form that its step needs. Resolves to its text too, where that is right
 * and the credentials may read it.
 */
export async function examineSecret(
  { pipeline, step, purpose, faultIn }: StepSecret,
  stage: StageWithSecrets,
): Promise<{ readonly finding: Finding; readonly text: string | undefined }> {
  const { names } = stage.target;
  const SecretId = names.secret(pipeline, step, purpose);
  const arn = names.arnOf('secretsmanager', `secret:${SecretId}-??????`);
  const sent = { abortSignal: stage.signal };
  const common = { of: `${pipeline}/${step}`, what: `secret ${purpose}`, ifMissing: deployCommand(stage) };
  let text: string | undefined;
  const finding = await look({
    ...common,
    right: ['secretsmanager:GetSecretValue', arn],
    read: () => stage.secrets.send(new GetSecretValueCommand({ SecretId }), sent),
    judge({ SecretString = '' }) {
      const fault = SecretString === '' ? 'it has no text' : faultIn(SecretString);
      if (fault !== undefined) return { wrong: fault, fix: putCommand(SecretId) };
      text = SecretString;
      return { ok: 'has the form that the step needs' };
    },
  });
  if (finding.state !== 'refused') return { finding, text };
  // Whoever looks after a stage need not be allowed to read its secrets.
  const there = await look({
    ...common,
    right: ['secretsmanager:DescribeSecret', arn],
    read: () => stage.secrets.send(new DescribeSecretCommand({ SecretId }), sent),
    judge: () => ({ ok: 'is there; its form is not checked, because your credentials may not read it' }),
  });
  return { finding: there, text: undefined };
}

function putCommand(name: string): string {
  return `aws secretsmanager put-secret-value --secret-id ${name} --secret-string file:///dev/stdin`;
}
