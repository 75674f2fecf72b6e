import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { parseStepConfig } from '../../../functions/runtime/step-config.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { httpSource } from '../../../functions/sources/http/http.ts';
import { connectors } from '../../../infra/connectors.ts';
import { definePipeline, type Pipeline, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { type PipelinePlan, planOf, type StepPlan } from '../../../infra/pipelines/plan.ts';
import { type StepTarget, stepConfigOf, stepConfigPartsOf } from '../../../infra/pipelines/step-config.ts';
import { audit, ENTRY, FOREIGN_STREAM, Line, Order, pipelines, pushed, shop } from './example.ts';

function step<K extends StepPlan['kind']>(plan: PipelinePlan, name: string, kind: K): Extract<StepPlan, { kind: K }> {
  const found = plan.steps.find((candidate) => candidate.name === name);
  expect(found?.kind, `step ${name}`).toBe(kind);
  return found as Extract<StepPlan, { kind: K }>;
}

describe('a plan', () => {
  const shopPlan = planOf(shop, pipelines);
  const auditPlan = planOf(audit, pipelines);

  test('has every step, with what calls it', () => {
    const fed = [...shopPlan.steps, ...auditPlan.steps].map(({ pipeline, name, kind, delivery }) => [
      `${pipeline}/${name}`,
      kind,
      delivery,
    ]);
    expect(fed).toEqual([
      ['shop/till', 'source', 'request'],
      ['shop/uploads', 'source', 'queue'],
      ['shop/ordering', 'transform', 'continuous'],
      ['shop/lake', 'sink', 'scheduled'],
      ['shop/order_table', 'sink', 'continuous'],
      ['audit/partners', 'source', 'request'],
      ['audit/corrections', 'transform', 'continuous'],
      ['audit/keeping', 'transform', 'continuous'],
      ['audit/audit_table', 'sink', 'scheduled'],
    ]);
  });

  test("names each step's module relative to the repository", () => {
    expect(new Set(shopPlan.steps.map(({ entry }) => entry))).toEqual(new Set([ENTRY]));
  });

  test('has the streams that the pipeline creates, with their defaults', () => {
    expect(shopPlan.streams).toMatchObject([
      { name: 'lines', shards: 1, retentionHours: 168, compression: undefined },
      { name: 'orders', shards: 3, retentionHours: 24, compression: 'zstd' },
    ]);
    expect(auditPlan.streams).toMatchObject([{ name: 'kept', shards: 'on-demand' }]);
  });

  test('follows a borrowed stream to its pipeline', () => {
    expect(step(auditPlan, 'audit_table', 'sink').input.stream).toMatchObject({
      kind: 'own',
      pipeline: 'shop',
      name: 'orders',
      schema: Order,
    });
  });

  test('follows a stream that was borrowed twice', () => {
    const third = definePipeline({
      name: 'third',
      streams: { mine: streamOf(audit, 'orders') },
      sources: { a: { read: pushed<{ id: string; total: number; state: 'open' }>(), to: 'mine' } },
    });
    expect(step(planOf(third, [...pipelines, third]), 'a', 'source').output).toMatchObject({
      pipeline: 'shop',
      name: 'orders',
      compression: 'zstd',
    });
  });

  test('keeps the ARN of a stream that exists already', () => {
    const { stream } = step(auditPlan, 'keeping', 'transform').input;
    const expected = { kind: 'existing', idempotent: false, arn: FOREIGN_STREAM, schema: Line, maxRecordKiB: 1_024 };
    expect(stream).toEqual({ ...expected, keys: [] });
  });

  test('names every step that writes to an input, in any pipeline, under former names too', () => {
    expect(step(shopPlan, 'lake', 'sink').input.own).toEqual([
      '/audit/corrections/',
      '/shop/ordering/',
      '/shop/sorting/',
    ]);
    expect(step(shopPlan, 'ordering', 'transform').input.own).toEqual(['/shop/till/', '/shop/uploads/']);
    expect(step(auditPlan, 'keeping', 'transform').input.own).toEqual(['/audit/partners/']);
  });

  test('starts at the earliest event unless the step says otherwise', () => {
    expect(step(shopPlan, 'ordering', 'transform').input.start).toBe('earliest');
    expect(step(shopPlan, 'order_table', 'sink').input.start).toBe('latest');
  });

  test('is an error when a stream belongs to a pipeline that does not exist', () => {
    expect(() => planOf(audit, [audit])).toThrow(UserMistake);
    expect(() => planOf(audit, [audit])).toThrow(
      "pipeline 'audit': stream 'orders' belongs to pipeline 'shop', which does not exist: use one of 'audit'",
    );
  });
});

describe("a step's configuration", () => {
  const place: StepTarget = {
    checkpoints: 'checkpoints',
    deadLetters: 'dead-letters',
    lake: 'lake',
    stage: 'dev',
    generation: 'abc',
    nameOf: (stream) => (stream.kind === 'own' ? `${stream.pipeline}.${stream.name}` : stream.arn),
  };
  const all = pipelines.flatMap((pipeline: Pipeline) => planOf(pipeline, pipelines).steps);

  test.each(all.map((planned) => ({ name: `${planned.pipeline}/${planned.name}`, planned })))(
    'of $name is read by the runtime as it was written',
    ({ planned }) => {
      const config = stepConfigOf(planned, { ...place, queue: 'https://queue', resources: { host: 'db' } });
      expect(parseStepConfig(JSON.stringify(config))).toEqual(config);
      expect(config).toMatchObject({ pipeline: planned.pipeline, step: planned.name, resources: { host: 'db' } });
    },
  );

  test('of a source writes only, of a sink reads only', () => {
    const source = stepConfigOf(all.find(({ name }) => name === 'till') as StepPlan, place);
    const sink = stepConfigOf(all.find(({ name }) => name === 'order_table') as StepPlan, place);
    expect([source.input, source.output?.stream]).toEqual([undefined, 'shop.lines']);
    expect([sink.input?.stream, sink.output]).toEqual(['shop.orders', undefined]);
  });

  test('of a source has the names of all pipelines, also of those that are not deployed with it', () => {
    const till = all.find(({ name }) => name === 'till') as StepPlan;
    const { environment, bundled } = stepConfigPartsOf(till, place);
    expect(bundled.pipelines).toEqual(['audit', 'shop']);
    expect(environment).not.toHaveProperty('pipelines');
  });

  test("says where a scheduled step starts; a continuous one's mapping does", () => {
    const scheduled = stepConfigOf(all.find(({ name }) => name === 'lake') as StepPlan, place);
    const continuous = stepConfigOf(all.find(({ name }) => name === 'order_table') as StepPlan, place);
    expect(scheduled.input?.start).toBe('2026-01-01T00:00:00.000Z');
    expect(continuous.input?.start).toBe('earliest');
  });

  test('compresses as the stream says, also when the stream is borrowed', () => {
    const config = stepConfigOf(all.find(({ name }) => name === 'corrections') as StepPlan, place);
    expect(config.output).toEqual({ stream: 'shop.orders', compression: 'zstd', maxRecordBytes: 1_024 * 1_024 });
  });

  test.each(all.map((planned) => ({ name: `${planned.pipeline}/${planned.name}`, planned })))(
    'of $name is the same when its parts are joined',
    ({ planned }) => {
      const resources = { host: 'db', columns: [{ name: 'id', type: 'text', nullable: false }] };
      const { environment, bundled } = stepConfigPartsOf(planned, { ...place, resources });
      expect(parseStepConfig(JSON.stringify(environment), JSON.stringify(bundled))).toEqual(
        stepConfigOf(planned, { ...place, resources }),
      );
    },
  );

  test('has room for a schema of a thousand columns, because options and columns are in the bundle', () => {
    const columns = Array.from({ length: 999 }, (_, n) => [`column_${n}`, z.string()]);
    const Wide = z.object({ id: z.string() }).extend(Object.fromEntries(columns) as Record<never, z.ZodString>);
    const wide = definePipeline({
      name: 'wide',
      streams: { rows: { schema: Wide } },
      sources: { sent: { read: httpSource({ schema: Wide, type: 'row.sent', key: 'id' }), to: 'rows' } },
      sinks: { table: { from: 'rows', write: postgresSink({ table: 't', key: ['id'], create: true }) } },
    });
    const database = { host: 'db', port: 1, name: 'd', user: 'u', password: 'p' };
    const parts = planOf(wide, [wide]).steps.map((planned) => {
      const { pipeline, name, options } = planned;
      const needing = { pipeline, name, options, schema: Wide };
      const resources =
        planned.kind === 'transform' || planned.kind === 'table'
          ? undefined
          : connectors[planned.connector].onLaptop(needing, {
              landing: 'l',
              lake: 'l',
              database,
              tablePrefix: 'millrace-dev-',
              webhooks: 'http://127.0.0.1:1',
              iceberg: { stage: 'dev', endpoint: 'http://127.0.0.1:1' },
              search: 'http://127.0.0.1:1',
            });
      return stepConfigPartsOf(planned, { ...place, resources });
    });
    expect(parts.map(({ bundled }) => JSON.stringify(bundled).length > 30_000)).toEqual([true, true]);
    expect(parts[1]?.environment.resources).toMatchObject({ host: 'db', database: 'd' });
    expect(parts[1]?.environment.resources).not.toHaveProperty('columns');
  });

  describe('above what Lambda takes', () => {
    const planned = all.find(({ name }) => name === 'till') as StepPlan;
    const partsWith = (host: string) => stepConfigPartsOf(planned, { ...place, resources: { host } });
    const sizeLeft = 4_096 - 'STEP_CONFIG'.length - JSON.stringify(partsWith('').environment).length;

    test('at the exact limit is accepted', () => {
      expect(() => partsWith('x'.repeat(sizeLeft))).not.toThrow();
    });

    test('by one byte, is an error with the step, the sizes and the largest part', () => {
      const make = () => partsWith('x'.repeat(sizeLeft + 1));
      expect(make).toThrow(UserMistake);
      expect(make).toThrow(
        /step 'shop\/till': its configuration has 4086 bytes, and Lambda allows 4085: shorten its largest part, 'resources' with \d+ bytes/,
      );
    });

    test('counts bytes, not characters', () => {
      expect(() => partsWith('ü'.repeat(sizeLeft - 10))).toThrow(/its configuration has/);
    });

    test('counts values that only the deployment knows at their longest', () => {
      const tokens = Array.from({ length: 40 }, (_, index) => `\${Token[TOKEN.${index}]}`);
      expect(() => partsWith(tokens.join(''))).toThrow(/largest part, 'resources'/);
    });
  });
});
