import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { generatorSource } from '../../../functions/sources/generator/generator.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { asText, synthesized } from './synthesized.ts';

const Row = z.object({ id: z.string() });
const made = definePipeline({
  name: 'made',
  streams: { rows: { schema: Row } },
  sources: {
    rows_made: { read: generatorSource({ schema: Row, type: 'row.made', key: 'id', perSecond: 1 }), to: 'rows' },
  },
});

test('a pulled source runs each minute for up to 15 minutes, and may append, move its position and store dead letters, no more', async () => {
  const { template } = (await synthesized({}, [made])).stack('millrace-dev-made');
  const name = 'millrace-dev-made--rows_made';
  template.hasResourceProperties('AWS::Scheduler::Schedule', {
    Name: name,
    ScheduleExpression: 'rate(1 minute)',
    Target: { Input: '{}', RetryPolicy: { MaximumRetryAttempts: 0 } },
  });
  template.resourceCountIs('AWS::Lambda::EventSourceMapping', 0);
  const [source] = Object.values(
    template.findResources('AWS::Lambda::Function', { Properties: { FunctionName: name } }),
  );
  const { Environment, Role, Timeout } = source?.Properties ?? {};
  expect(Timeout).toBe(900);
  const { output } = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
  expect(output?.stream).toContain('stream/millrace-dev-made--rows');
  const role = template.toJSON().Resources[Role['Fn::GetAtt'][0]];
  const statements = role.Properties.Policies[0].PolicyDocument.Statement as { Sid: string }[];
  expect(statements.map(({ Sid }) => Sid).sort()).toEqual(
    ['AppendsToItsOutput', 'KeepsItsDeadLetters', 'MovesItsOwnCheckpoints', 'WritesItsLog'].sort(),
  );
});

test('a pulled source has an alarm for a schedule that does not run, and none for lag', async () => {
  const { template } = (await synthesized({}, [made])).stack('millrace-dev-made');
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties.AlarmName as string,
  );
  expect(
    alarms
      .filter((alarm) => alarm.includes('rows_made'))
      .map((alarm) => alarm.split('--').at(-1))
      .sort(),
  ).toEqual(['crashes', 'dead-letters', 'errors', 'stopped', 'throttles']);
});
