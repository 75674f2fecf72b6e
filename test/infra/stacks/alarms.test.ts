import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { logError, metricsLine } from '../../../functions/runtime/metrics.ts';
import { mqttSource } from '../../../functions/sources/mqtt/mqtt.ts';
import { postgresChangesSource } from '../../../functions/sources/postgres-changes/postgres-changes.ts';
import { basket, CartEvent } from '../../../functions/tables/basket.ts';
import { pipelines as shipped } from '../../../infra/pipelines/all.ts';
import { definePipeline } from '../../../infra/pipelines/pipeline.ts';
import { REPOSITORY } from '../../../infra/repository.ts';
import { pipelines as example } from '../pipelines/example.ts';
import { asText, type SynthesizedStage, synthesized } from './synthesized.ts';

// Some tests synthesize a stage of their own, which takes seconds.
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:alarms';

interface Alarm {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly AlarmActions?: readonly unknown[];
  readonly OKActions?: readonly unknown[];
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Statistic: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly ComparisonOperator: string;
  readonly Threshold: number;
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly TreatMissingData: string;
}

function alarmsOf(stage: SynthesizedStage): readonly Alarm[] {
  return [...stage.stacks.values()].flatMap(({ template }) =>
    Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties as Alarm),
  );
}

/** A table with final windows of a quarter of an hour, and another one over its changes. */
const HOUR = 3_600_000;
const final = { kind: 'tumbling', gapMillis: 0, graceMillis: HOUR, retentionMillis: HOUR, emit: 'final' } as const;
const Measured = z.object({ celsius: z.number() });

const quarters = definePipeline({
  name: 'quarters',
  streams: { cart: { schema: CartEvent }, closed: { schema: CartEvent } },
  tables: {
    first: { from: 'cart', keep: { ...basket, row: CartEvent, windows: final }, changes: 'closed' },
    second: { from: 'closed', keep: { ...basket, windows: { ...final, emit: 'changes' } } },
    plain: { from: 'cart', keep: basket },
  },
});
/** A source that AWS IoT Core feeds. */
const devices = definePipeline({
  name: 'devices',
  streams: { measured: { schema: Measured } },
  sources: {
    halls: {
      read: mqttSource({
        broker: 'iot-core',
        topic: 'halls/+',
        schema: Measured,
        type: 'hall.measured',
        key: 'topic(2)',
      }),
      to: 'measured',
    },
  },
});

const pipelines = [...example, quarters, devices];

let stage: SynthesizedStage;
let alarms: readonly Alarm[];

beforeAll(async () => {
  stage = await synthesized({ alarms: TOPIC }, pipelines);
  alarms = alarmsOf(stage);
});

function alarm(name: string): Alarm {
  const found = alarms.find(({ AlarmName }) => AlarmName === name);
  if (found === undefined) throw new Error(`no alarm ${name}, only ${alarms.map((each) => each.AlarmName).join(', ')}`);
  return found;
}

/** Its source needs a database with a password. */
const CRM = { host: 'db.example.com', name: 'crm', user: 'reader', secret: 'arn:aws:secretsmanager:x', ca: 'public' };
const changes = definePipeline({
  name: 'crm',
  streams: { rows: { schema: z.object({ id: z.string() }) } },
  sources: { changes: { read: postgresChangesSource({ tables: ['rows'], database: 'crm' }) as never, to: 'rows' } },
});

describe('alarms', () => {
  test('exist for each kind of step as listed', () => {
    const of = (name: string) =>
      alarms
        .map(({ AlarmName }) => AlarmName)
        .filter((each) => each.startsWith(`millrace-dev-shop--${name}--`))
        .map((each) => each.slice(`millrace-dev-shop--${name}--`.length))
        .sort();
    expect(of('till')).toEqual(['crashes', 'errors', 'throttles']);
    expect(of('uploads')).toEqual(['crashes', 'dead-letters', 'errors', 'failed-files', 'lag', 'throttles']);
    expect(of('ordering')).toEqual([
      ...['crashes', 'dead-letters', 'dropped', 'errors', 'lag', 'not-polled', 'throttles', 'undelivered'],
    ]);
    expect(of('lake')).toEqual(['crashes', 'dead-letters', 'errors', 'file-age', 'stopped', 'throttles']);
    expect(of('orders')).toEqual(['stream-throttles']);
    expect(alarm('millrace-dev--database--storage').MetricName).toBe('FreeStorageSpace');
    expect(alarm('millrace-dev--database--connections')).toMatchObject({
      MetricName: 'DatabaseConnections',
      Threshold: 170,
    });
  });

  test('link to a section of the runbook each, and every section has an alarm', async () => {
    const runbook = await readFile(join(REPOSITORY, 'docs/runbook.md'), 'utf8');
    const sections = [...runbook.matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
      title.toLowerCase().replaceAll(' ', '-'),
    );
    const ofChanges = alarmsOf(await synthesized({ databases: { crm: CRM } }, [changes]));
    const linked = [...alarms, ...ofChanges].map(({ AlarmName, AlarmDescription }) => {
      const [, section = ''] = AlarmDescription.match(/: docs\/runbook\.md#([a-z-]+)$/) ?? [];
      expect(sections, AlarmName).toContain(section);
      return section;
    });
    expect([...new Set(linked)].sort()).toEqual(sections.toSorted());
  });

  test('notify the topic when they begin and end, and exist without a topic too', async () => {
    for (const { AlarmActions, OKActions } of alarms) expect([AlarmActions, OKActions]).toEqual([[TOPIC], [TOPIC]]);
    const silent = alarmsOf(await synthesized({}, pipelines));
    expect(silent.length).toBe(alarms.length);
    expect(silent.filter(({ AlarmActions }) => AlarmActions !== undefined)).toEqual([]);
  });

  test('look back at most a day, as CloudWatch does', () => {
    for (const { AlarmName, Period, EvaluationPeriods } of alarms) {
      expect(Period % 60, AlarmName).toBe(0);
      expect(Period * EvaluationPeriods, AlarmName).toBeLessThanOrEqual(86_400);
    }
  });

  test('treat a period without measurements as fine, except where something has to run', () => {
    for (const { AlarmName, TreatMissingData } of alarms) {
      const hasToRun = /--(stopped|not-polled|watermark)$/.test(AlarmName);
      expect(TreatMissingData, AlarmName).toBe(hasToRun ? 'breaching' : 'notBreaching');
    }
  });

  test('ring when a mapping does not poll its stream, and when it drops events', () => {
    const { template } = stage.stack('millrace-dev-shop');
    const ofStreams = Object.entries(template.findResources('AWS::Lambda::EventSourceMapping')).filter(
      ([, { Properties }]) => asText(Properties.EventSourceArn).includes(':kinesis:'),
    );
    expect(ofStreams.length).toBe(2);
    for (const [, { Properties }] of ofStreams) expect(Properties.MetricsConfig).toEqual({ Metrics: ['EventCount'] });
    const [id] = ofStreams.map(([each]) => each).filter((each) => each.startsWith('ordering'));
    const ofMapping = {
      Namespace: 'AWS/Lambda',
      Statistic: 'Sum',
      Dimensions: [{ Name: 'EventSourceMappingUUID', Value: { 'Fn::GetAtt': [id, 'Id'] } }],
    };
    // Lambda measures 0 for an idle stream, and nothing for one that it cannot read.
    expect(alarm('millrace-dev-shop--ordering--not-polled')).toMatchObject({
      ...ofMapping,
      MetricName: 'PolledEventCount',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 0,
      TreatMissingData: 'breaching',
    });
    const once = { Threshold: 1, EvaluationPeriods: 1, ComparisonOperator: 'GreaterThanOrEqualToThreshold' };
    expect(alarm('millrace-dev-shop--ordering--dropped')).toMatchObject({
      ...ofMapping,
      ...once,
      MetricName: 'DroppedEventCount',
    });
    expect(alarm('millrace-dev-shop--ordering--undelivered')).toMatchObject({
      ...once,
      MetricName: 'DestinationDeliveryFailures',
      Dimensions: [{ Name: 'FunctionName', Value: 'millrace-dev-shop--ordering' }],
    });
  });

  test('of a function that cannot start ring within an hour, so a day before its stream trims the first record', () => {
    const metrics = { crashes: 'Errors', throttles: 'Throttles', 'not-polled': 'PolledEventCount', lag: 'IteratorAge' };
    for (const [kind, MetricName] of Object.entries(metrics)) {
      const found = alarm(`millrace-dev-shop--ordering--${kind}`);
      expect(found.MetricName, kind).toBe(MetricName);
      const waits = found.Period * found.EvaluationPeriods + (kind === 'lag' ? found.Threshold / 1_000 : 0);
      expect(waits, kind).toBeLessThanOrEqual(3_600);
    }
  });

  test('have one metric each, which every emulator of CloudWatch supports', () => {
    for (const each of alarms) {
      expect(each, each.AlarmName).not.toHaveProperty('Metrics');
      expect(each.MetricName, each.AlarmName).toMatch(/^[A-Za-z]+$/);
    }
  });

  test('on our own metrics use the names that functions write into their logs', () => {
    const line = metricsLine(
      { stage: 'dev', pipeline: 'shop', step: 'lake', shard: 's' },
      {
        eventsIn: 1,
        eventsOut: 1,
        rejected: 1,
        alreadySeen: 1,
        bytesIn: 1,
        bytesOut: 1,
        lagMillis: 1,
        watermarkLagMillis: 1,
        overdueMillis: 1,
        logKeptBytes: 1,
        logLeftMillis: 1,
        durationMillis: 1,
      },
      0,
    );
    const [written] = (
      JSON.parse(line) as {
        _aws: { CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }[] };
      }
    )._aws.CloudWatchMetrics;
    const ours = alarms.filter(
      ({ Namespace, MetricName }) => !Namespace.startsWith('AWS/') && MetricName !== 'failures',
    );
    expect(ours.length).toBeGreaterThan(5);
    for (const { Namespace, MetricName, Dimensions } of ours) {
      expect(Namespace).toBe(written?.Namespace);
      expect(written?.Metrics.map(({ Name }) => Name)).toContain(MetricName);
      // CloudWatch does not count the order of dimensions.
      expect(written?.Dimensions.map((names) => names.toSorted())).toContainEqual(
        Dimensions.map(({ Name }) => Name).toSorted(),
      );
    }
  });

  test('of one stage count nothing of another: no metric of two stages has the same name and dimensions', async () => {
    const ofStage = async (name: string) =>
      alarmsOf(await synthesized({ stage: name }, pipelines)).map(
        ({ AlarmName, Namespace, MetricName, Dimensions }) => {
          // A mapping's id is unique in AWS, and the template only refers to it.
          const owner = JSON.stringify(Dimensions).includes('Fn::GetAtt') ? AlarmName : undefined;
          return JSON.stringify({ Namespace, MetricName, Dimensions, owner });
        },
      );
    const [dev, prod] = [await ofStage('dev'), await ofStage('prod')];
    expect(dev.length).toBe(alarms.length);
    expect(prod.filter((metric) => dev.includes(metric))).toEqual([]);
  });

  test("for crashes count Lambda's errors", () => {
    const crashed = { Namespace: 'AWS/Lambda', MetricName: 'Errors', Statistic: 'Sum', Threshold: 1 };
    expect(alarm('millrace-dev-shop--ordering--crashes')).toMatchObject({
      ...crashed,
      Period: 300,
      EvaluationPeriods: 3,
    });
    expect(alarm('millrace-dev-shop--lake--crashes')).toMatchObject({ ...crashed, Period: 300, EvaluationPeriods: 2 });
    expect(alarm('millrace-dev-shop--ordering--crashes').Dimensions).toEqual([
      { Name: 'FunctionName', Value: 'millrace-dev-shop--ordering' },
    ]);
  });

  test('for errors count the failures that a step reports, which Lambda counts as successes', () => {
    const failed = alarm('millrace-dev-shop--ordering--errors');
    const { template } = stage.stack('millrace-dev-shop');
    const filters = Object.values(template.findResources('AWS::Logs::MetricFilter')).map(
      ({ Properties }) => Properties,
    );
    expect(filters.length).toBe(Object.keys(template.findResources('AWS::Lambda::Function')).length);
    const line = JSON.parse(logError({ stage: 'dev', pipeline: 'shop', step: 'ordering', shard: 's' }, new Error('e')));
    for (const { FilterPattern, MetricTransformations } of filters) {
      expect(FilterPattern).toBe(`{ $.level = "${line.level}" }`);
      const [{ MetricNamespace, MetricName, Dimensions }] = MetricTransformations;
      expect({ Namespace: MetricNamespace, MetricName }).toMatchObject({
        Namespace: failed.Namespace,
        MetricName: failed.MetricName,
      });
      expect(Dimensions.map(({ Value }: { Value: string }) => line[Value.slice(2)])).toEqual([
        'dev',
        'shop',
        'ordering',
      ]);
    }
    expect(failed.Dimensions).toEqual([
      { Name: 'pipeline', Value: 'shop' },
      { Name: 'stage', Value: 'dev' },
      { Name: 'step', Value: 'ordering' },
    ]);
  });

  test('of a table with windows ring when time stands still, or nothing is measured, and when a final window does not close', () => {
    const kinds = (table: string) =>
      alarms.flatMap(
        ({ AlarmName }) =>
          /--(watermark|overdue-windows)$/.exec(AlarmName.split(`quarters--${table}`)[1] ?? '')?.[1] ?? [],
      );
    expect([kinds('first').sort(), kinds('second'), kinds('plain')]).toEqual([
      ['overdue-windows', 'watermark'],
      ['watermark'],
      [],
    ]);
    const rings = { Statistic: 'Maximum', Threshold: HOUR / 4, EvaluationPeriods: 3, Period: 300 };
    const of = (table: string, kind: string) => alarm(`millrace-dev-quarters--${table}--${kind}`);
    expect(of('first', 'watermark')).toMatchObject({
      ...rings,
      MetricName: 'watermarkLagMillis',
      TreatMissingData: 'breaching',
    });
    expect(of('first', 'overdue-windows')).toMatchObject({
      ...rings,
      MetricName: 'overdueMillis',
      TreatMissingData: 'notBreaching',
    });
    // Behind final windows, the time is as late as these are.
    expect(of('second', 'watermark')).toMatchObject({ Threshold: HOUR + HOUR / 4 });
  });

  test('for a scheduled sink ring when it is late, and when it does not run', () => {
    expect(alarm('millrace-dev-shop--lake--file-age')).toMatchObject({
      Namespace: 'Millrace',
      MetricName: 'lagMillis',
      Statistic: 'Maximum',
      Threshold: (3 * 5 + 15) * 60_000,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
    expect(alarm('millrace-dev-shop--lake--stopped')).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'Invocations',
      Statistic: 'Sum',
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      EvaluationPeriods: 1,
      Dimensions: [{ Name: 'FunctionName', Value: 'millrace-dev-shop--lake' }],
    });
  });

  test('for a schedule have two runs in a period, so that one late run does not ring', () => {
    for (const what of ['file-age', 'stopped']) expect(alarm(`millrace-dev-shop--lake--${what}`).Period).toBe(600);
  });
});

describe("a pipeline's dashboard", () => {
  test('reads from top to bottom as events travel', async () => {
    const { template } = (await synthesized({}, shipped)).stack('millrace-dev-orders');
    const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
    expect(dashboard?.Properties.DashboardName).toBe('millrace-dev-orders');
    const { widgets } = JSON.parse(asText(dashboard?.Properties.DashboardBody)) as {
      widgets: { type: string; y: number; properties: { markdown?: string; metrics?: unknown[] } }[];
    };
    const texts = widgets.filter(({ type }) => type === 'text').toSorted((a, b) => a.y - b.y);
    expect(texts.map(({ properties }) => properties.markdown)).toEqual([
      '## source exports → lines',
      '## stream lines',
      '## transform order-events ← lines → orders',
      '## stream orders',
      '## transform completed-orders ← orders → completed',
      '## stream completed',
      '## sink lake ← orders',
      '## sink completed_orders ← completed',
      '## database',
    ]);
    for (const { type, properties } of widgets) {
      if (type === 'metric') expect(properties.metrics?.length).toBeGreaterThan(0);
    }
  });

  test('shows every step and stream of its pipeline', () => {
    for (const [pipeline, items] of Object.entries(ITEMS)) {
      const [dashboard] = Object.values(
        stage.stack(`millrace-dev-${pipeline}`).template.findResources('AWS::CloudWatch::Dashboard'),
      );
      const body = asText(dashboard?.Properties.DashboardBody);
      for (const item of items) expect(body).toContain(`## ${item}`);
    }
  });
});

const ITEMS = {
  shop: [
    ...['source till', 'source uploads', 'transform ordering', 'sink lake', 'sink order_table'],
    ...['stream lines', 'stream orders'],
  ],
  audit: [
    ...['source partners', 'transform corrections', 'transform keeping', 'sink audit_table'],
    ...['stream theirs', 'stream kept'],
  ],
};
