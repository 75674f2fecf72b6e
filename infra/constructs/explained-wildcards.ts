import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import type { Statement } from '../needs.ts';
import { templateText } from './template-text.ts';

/** The reasons for wildcards in the resources of statements. cdk-nag reports every wildcard without a reason. */
const REASONS: readonly { readonly resource: RegExp; readonly reason: string }[] = [
  { resource: /:log-group:[^*]+:\*$/, reason: 'Lambda names the log streams of the one log group' },
  {
    resource: /:s3:::[^*]+\/aws\/lambda\/\*$/,
    reason:
      "Lambda puts discarded batches below the mapping's id, which is not known before the mapping is created with the role",
  },
  {
    resource: /:s3:::[^*]+\/dead-letters\/\*$/,
    reason: 'dead letters of every step of the stage: Lambda gives up on records of any',
  },
  { resource: /:s3:::[^*]+\/\*$/, reason: "objects below the step's own prefix" },
  { resource: /:s3:::[^*]+\/[^*]+\*$/, reason: "objects whose keys begin as the step's own do" },
  {
    resource: /:(lambda|kinesis):[^*]+:(function:|stream\/)[^*]+-\*$/,
    reason:
      'functions and streams of the stage, in whichever of its pipelines: what they are is asked, and nothing is done with them',
  },
  {
    resource: /^\*$/,
    reason: 'EC2 knows no narrower resource for what Lambda does to join a network; the code itself is denied it',
  },
];

/** Acknowledges the known wildcards of a role. One without a reason above fails the test with cdk-nag. */
export function explainWildcards(role: IConstruct, statements: readonly Statement[]): void {
  for (const resource of new Set(statements.flatMap(({ resources }) => resources.map(textAt(role))))) {
    const found = resource.includes('*') ? REASONS.find((known) => known.resource.test(resource)) : undefined;
    if (found === undefined) continue;
    Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason: found.reason });
  }
}

function textAt(scope: IConstruct): (resource: string) => string {
  return (resource) => String(templateText(Stack.of(scope).resolve(resource)));
}
