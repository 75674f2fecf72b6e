import { Stack } from 'aws-cdk-lib';
import { PolicyDocument, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnTopicRule } from 'aws-cdk-lib/aws-iot';
import { Construct } from 'constructs';
import type { Statement } from '../needs.ts';
import { outputsOf, type SourcePlan } from '../pipelines/plan.ts';
import { topicRuleOf } from '../sources/topic-rule.ts';
import { asPolicyStatement } from './bundled-function.ts';
import { explainWildcards } from './explained-wildcards.ts';
import { encryptsItsOutput } from './key-statements.ts';
import { streamArnOf } from './stream-names.ts';
import type { Surroundings } from './surroundings.ts';

/** The SQL of a rule means what it meant in this version. */
const SQL_VERSION = '2016-03-23';

/**
 * A source that AWS IoT Core feeds: a topic rule appends each message to the stream. What it cannot append is an object
 * of the dead-letter bucket below `iot/`, with the message and the reason.
 */
export class TopicRuleSource extends Construct {
  constructor(
    scope: Construct,
    id: string,
    { step, surroundings }: { readonly step: SourcePlan; readonly surroundings: Surroundings },
  ) {
    super(scope, id);
    const { names } = surroundings;
    const streams = outputsOf(step);
    const [arn = ''] = streams.map((stream) => streamArnOf(stream, names));
    const failed = `iot/${step.pipeline}/${step.name}`;
    const statements: readonly Statement[] = [
      { why: 'appends to its output', actions: ['kinesis:PutRecord'], resources: [arn] },
      ...encryptsItsOutput(streams, names),
      {
        why: 'keeps what failed',
        actions: ['s3:PutObject'],
        resources: [`${names.bucketArnOf(names.deadLetters)}/${failed}/*`],
      },
    ];
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('iot.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      inlinePolicies: { rule: new PolicyDocument({ statements: statements.map(asPolicyStatement) }) },
    });
    explainWildcards(role, statements);
    const { sql, partitionKey } = topicRuleOf(step);
    const streamName = arn.slice(arn.indexOf(':stream/') + ':stream/'.length);
    new CfnTopicRule(this, 'Rule', {
      // A rule's name has no hyphens.
      ruleName: names.step(step.pipeline, step.name).replaceAll('-', '_'),
      topicRulePayload: {
        description: `feeds stream of source ${step.name} of pipeline ${step.pipeline}`,
        awsIotSqlVersion: SQL_VERSION,
        sql,
        actions: [{ kinesis: { streamName, partitionKey, roleArn: role.roleArn } }],
        errorAction: {
          s3: { bucketName: names.deadLetters, key: `${failed}/\${newuuid()}.json`, roleArn: role.roleArn },
        },
      },
    });
  }
}
