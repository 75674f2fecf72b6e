import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mqttSource } from '../../../functions/sources/mqtt/mqtt.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { synthesized } from './synthesized.ts';

const Measured = z.object({ machine: z.string(), nr: z.int(), at: z.iso.datetime(), note: z.string().optional() });
const common = { broker: 'iot-core', topic: "halls/+/o'neil/#", schema: Measured, type: 'machine.measured' } as const;

const numbered = definePipeline({
  name: 'halls',
  streams: { measured: { schema: Measured, idempotent: true } },
  sources: {
    machines: {
      read: mqttSource({ ...common, key: ['topic(2)', 'machine'], time: 'at', device: 'machine', number: 'nr' }),
      to: 'measured',
    },
  },
});

describe('a source that AWS IoT Core feeds', () => {
  test('is a topic rule that appends CloudEvents with the source, the number, the key and the time of the message', async () => {
    const { template } = (await synthesized({}, [numbered])).stack('millrace-dev-halls');
    const [rule] = Object.values(template.findResources('AWS::IoT::TopicRule'));
    const { RuleName, TopicRulePayload } = rule?.Properties ?? {};
    expect(RuleName).toBe('millrace_dev_halls__machines');
    expect(TopicRulePayload).toMatchObject({
      AwsIotSqlVersion: '2016-03-23',
      Sql:
        "SELECT '1.0' AS specversion, newuuid() AS id, 'machine.measured' AS type, concat('mqtt:', machine) AS source, " +
        "cast(nr AS String) AS sequence, concat(topic(2), '/', machine) AS partitionkey, at AS time, " +
        "{'machine': machine, 'nr': nr, 'at': at, 'note': note} AS data FROM 'halls/+/o''neil/#'",
      Actions: [{ Kinesis: { PartitionKey: `\${topic(2)}/\${machine}`, RoleArn: expect.anything() } }],
      ErrorAction: { S3: { Key: `iot/halls/machines/\${newuuid()}.json` } },
    });
  });

  test('has no function and no schedule, may append and keep what failed, and has one alarm', async () => {
    const { template } = (await synthesized({}, [numbered])).stack('millrace-dev-halls');
    template.resourceCountIs('AWS::Lambda::Function', 0);
    template.resourceCountIs('AWS::Scheduler::Schedule', 0);
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [Match.objectLike({ Principal: { Service: 'iot.amazonaws.com' } })],
      },
      Policies: [
        {
          PolicyDocument: {
            Statement: [
              Match.objectLike({ Sid: 'AppendsToItsOutput', Action: 'kinesis:PutRecord' }),
              Match.objectLike({ Sid: 'KeepsWhatFailed', Action: 's3:PutObject' }),
            ],
          },
        },
      ],
    });
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
      ({ Properties }) => Properties.AlarmName as string,
    );
    expect(alarms.filter((alarm) => alarm.includes('machines'))).toEqual([
      'millrace-dev-halls--machines--rule-failures',
    ]);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'millrace-dev-halls--machines--rule-failures',
      Namespace: 'AWS/IoT',
      MetricName: 'Failure',
      Dimensions: [
        { Name: 'ActionType', Value: 'Kinesis' },
        { Name: 'RuleName', Value: 'millrace_dev_halls__machines' },
      ],
    });
  });

  test('without a device has the topic as its source, and the time at which the rule ran', async () => {
    const plain = definePipeline({
      name: 'halls',
      streams: { measured: { schema: Measured } },
      sources: { machines: { read: mqttSource({ ...common, key: 'machine' }), to: 'measured' } },
    });
    const { template } = (await synthesized({}, [plain])).stack('millrace-dev-halls');
    const [rule] = Object.values(template.findResources('AWS::IoT::TopicRule'));
    const { Sql } = rule?.Properties.TopicRulePayload ?? {};
    expect(Sql).toContain("concat('mqtt:', topic()) AS source, machine AS partitionkey, parse_time(");
    expect(Sql).not.toContain('sequence');
  });
});
