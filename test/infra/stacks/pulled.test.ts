import { expect, test } from 'vitest';
import { z } from 'zod';
import type { SplitSource } from '../../../functions/runtime/source.ts';
import { parseEnvironmentConfig } from '../../../functions/runtime/step-config.ts';
import { generatorSource } from '../../../functions/sources/generator/generator.ts';
import { postgresChangesSource } from '../../../functions/sources/postgres-changes/postgres-changes.ts';
import { postgresQuerySource } from '../../../functions/sources/postgres-query/postgres-query.ts';
import { definePipeline, minutes } from '../../../infra/pipelines/pipeline.ts';
import { asText, synthesized } from './synthesized.ts';

const Row = z.object({ id: z.string() });
const made = definePipeline({
  name: 'made',
  streams: { rows: { schema: Row } },
  sources: {
    rows_made: { read: generatorSource({ schema: Row, type: 'row.made', key: 'id', perSecond: 1 }), to: 'rows' },
  },
});

/** A source with several outputs, which no connector of ours is yet. */
const read: SplitSource<Record<'left' | 'right' | 'both', { id: string }>> & { readonly connector: 'generator' } = {
  ...generatorSource({ schema: Row, type: 'row.made', key: 'id', perSecond: 1 }),
  outputs: ['left', 'right', 'both'],
};
const split = definePipeline({
  name: 'split',
  streams: { rows: { schema: Row }, others: { schema: Row } },
  sources: { rows_made: { read, to: { left: 'rows', right: 'others', both: 'rows' } } },
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

test('a pulled source with `every` runs at that interval, and its alarm waits for two of them', async () => {
  const [step] = Object.values(made.sources);
  const slow = { ...made, sources: { rows_made: { ...step, every: minutes(10) } } } as typeof made;
  const { template } = (await synthesized({}, [slow])).stack('millrace-dev-made');
  template.hasResourceProperties('AWS::Scheduler::Schedule', {
    Name: 'millrace-dev-made--rows_made',
    ScheduleExpression: 'rate(10 minutes)',
  });
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'millrace-dev-made--rows_made--stopped',
    Period: 1_200,
  });
});

test('a source with several outputs may append to each of its streams, and knows them by its outputs', async () => {
  const { template } = (await synthesized({}, [split])).stack('millrace-dev-split');
  const name = 'millrace-dev-split--rows_made';
  const [source] = Object.values(
    template.findResources('AWS::Lambda::Function', { Properties: { FunctionName: name } }),
  );
  const { Environment, Role } = source?.Properties ?? {};
  const { output, outputs = {} } = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
  expect(output).toBeUndefined();
  const streams = Object.entries(outputs).map(([one, { stream }]) => [one, stream.slice(stream.indexOf('--') + 2)]);
  expect(streams).toEqual([
    ['left', 'rows'],
    ['right', 'others'],
    ['both', 'rows'],
  ]);
  const statements = template.toJSON().Resources[Role['Fn::GetAtt'][0]].Properties.Policies[0].PolicyDocument.Statement;
  const appends = statements.filter(({ Sid }: { Sid: string }) => Sid === 'AppendsToItsOutput');
  expect(appends).toHaveLength(1);
  expect(appends[0].Resource).toHaveLength(2);
});

test('a source that reads the database runs in its network, and logs in to it', async () => {
  const crm = definePipeline({
    name: 'crm',
    streams: { rows: { schema: Row } },
    sources: {
      own: { read: postgresQuerySource({ table: 'rows', schema: Row, type: 'row.changed', key: 'id' }), to: 'rows' },
    },
  });
  const ofSource = async (context: object) => {
    const { template } = (await synthesized({ ...context }, [crm])).stack('millrace-dev-crm');
    const [source] = Object.values(
      template.findResources('AWS::Lambda::Function', { Properties: { FunctionName: 'millrace-dev-crm--own' } }),
    );
    const { Environment, Role, VpcConfig } = source?.Properties ?? {};
    const { Policies } = template.toJSON().Resources[Role['Fn::GetAtt'][0]].Properties;
    const sids = Policies[0].PolicyDocument.Statement.map(({ Sid }: { Sid: string }) => Sid);
    const { resources } = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
    return { VpcConfig, sids, resources };
  };
  const own = await ofSource({});
  expect(own.VpcConfig.SubnetIds.length).toBeGreaterThan(0);
  expect(own.sids).toContain('LogsInToTheDatabaseByIam');
  expect(own.resources).toMatchObject({ auth: { iam: true } });
  const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:x';
  const given = await ofSource({ database: { host: 'db.example.com', name: 'n', user: 'u', secret, ca: 'public' } });
  expect(given.sids).toContain('ReadsThePasswordOfTheDatabaseUser');
  expect(given.resources).toMatchObject({ host: 'db.example.com', auth: { secret } });
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

const following = (database?: string) =>
  definePipeline({
    name: 'crm',
    streams: { rows: { schema: Row } },
    sources: {
      changes: {
        read: postgresChangesSource({ tables: ['rows'], ...(database === undefined ? {} : { database }) }) as never,
        to: 'rows',
      },
    },
  });
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf';
const DATABASES = { shop: { host: 'db.example.com', name: 'shop', user: 'reader', secret: SECRET, ca: 'public' } };

test("a source of changes runs in the given network, reads its user's password, and is refused where users log in by IAM", async () => {
  const network = { vpcId: 'vpc-12345678', subnetIds: ['subnet-1', 'subnet-2'], securityGroupIds: ['sg-12345678'] };
  const ids = ['subnet-11111111', 'subnet-22222222'];
  const context = { databases: DATABASES, network: { ...network, subnetIds: ids } };
  const { template } = (await synthesized(context, [following('shop')])).stack('millrace-dev-crm');
  const [source] = Object.values(
    template.findResources('AWS::Lambda::Function', { Properties: { FunctionName: 'millrace-dev-crm--changes' } }),
  );
  const { Environment, Role, VpcConfig } = source?.Properties ?? {};
  // The network has to have an endpoint of Secrets Manager: docs/deploy.md.
  expect(VpcConfig).toEqual({ SubnetIds: ids, SecurityGroupIds: ['sg-12345678'] });
  const { resources } = parseEnvironmentConfig(asText(Environment.Variables.STEP_CONFIG));
  expect(resources).toMatchObject({ host: 'db.example.com', auth: { secret: SECRET } });
  const { Policies } = template.toJSON().Resources[Role['Fn::GetAtt'][0]].Properties;
  expect(Policies[0].PolicyDocument.Statement).toContainEqual(
    expect.objectContaining({ Action: 'secretsmanager:GetSecretValue', Resource: SECRET }),
  );
  await expect(synthesized({}, [following()])).rejects.toThrow(
    "'crm/changes' reads the log of the stage's own database, whose user logs in by iam",
  );
});

test('a source of changes has an alarm that rings a day before the database removes changes', async () => {
  const { template } = (await synthesized({ databases: DATABASES }, [following('shop')])).stack('millrace-dev-crm');
  template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'millrace-dev-crm--changes--log-kept',
    MetricName: 'logLeftMillis',
    Statistic: 'Minimum',
    Threshold: 86_400_000,
    ComparisonOperator: 'LessThanThreshold',
    TreatMissingData: 'notBreaching',
  });
});
