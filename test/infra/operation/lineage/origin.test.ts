import { describe, expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { positionOf, sequenceAt } from '../../../../functions/runtime/position.ts';
import { originOf } from '../../../../infra/operation/lineage/origin.ts';
import { keyMatcher, rowKeyOf } from '../../../../infra/operation/lineage/row-key.ts';
import { compare } from '../../../../infra/operation/lineage/run-again.ts';
import { pipelines } from '../../../../infra/pipelines/all.ts';
import { planOf, type StepPlan } from '../../../../infra/pipelines/plan.ts';

const steps = pipelines.flatMap((pipeline) => planOf(pipeline, pipelines).steps);
const stepNamed = (pipeline: string, name: string): StepPlan =>
  steps.find((step) => step.pipeline === pipeline && step.name === name)!;
const position = positionOf('49590338271490256608559692538361571095921575989136588898', 7);
const kindOf = (source: string, sequence?: string) => originOf({ source, sequence }, steps).kind;

describe('the origin of an event', () => {
  test('an output of a transform names its input: shard, position and place among the outputs', () => {
    const source = '/sensors/cleaning/abcdefghijkl/shardId-000000000003/0f1e2d.2';
    expect(originOf({ source, sequence: sequenceAt(position, 5) }, steps)).toEqual({
      kind: 'transform',
      step: stepNamed('sensors', 'cleaning'),
      from: {
        incarnation: 'abcdefghijkl',
        shard: 'shardId-000000000003',
        generation: '0f1e2d.2',
        position,
        index: 5,
      },
    });
  });

  test.each([
    ['/sensors/devices/process-1', '17', 'source'],
    ['/shop/basket/abcdefghijkl/shardId-000000000003/0f1e2d', '00000000012000', 'table'],
    ['/sensors/cleaning/redrive/2', '00000000012000', 'redrive'],
    ['/other/cleaning/abc/shardId-0/0f', sequenceAt(position, 0), 'elsewhere'],
    ['https://shop.example/orders', '17', 'elsewhere'],
    ['', undefined, 'elsewhere'],
    ['/sensors/cleaning', sequenceAt(position, 0), 'elsewhere'],
    ['/sensors/cleaning/abc/shardId-0/0f', 'not a sequence', 'elsewhere'],
    ['/sensors/cleaning/abc/shardId-0/0f', undefined, 'elsewhere'],
  ])('the source %s with the sequence %s is of kind %s', (source, sequence, kind) => {
    expect(kindOf(source, sequence)).toBe(kind);
  });
});

describe('a transform that runs again', () => {
  const logged = { type: 'a', key: 'k', time: '2026-01-01T00:00:00Z', dataBytes: Buffer.from('{"a":1}') };
  const verdictOf = (more: object) =>
    compare({ outputs: [{ ...logged, ...more }] }, 0, logged as unknown as ReceivedEvent);

  test('is the same only when type, key, time and every byte of the data are', () => {
    expect(verdictOf({})).toEqual({ is: 'same' });
    expect(verdictOf({ dataBytes: Buffer.from('{"a":1.0}') })).toMatchObject({
      why: expect.stringContaining('another data'),
    });
    expect(verdictOf({ key: 'other', type: 'b' })).toMatchObject({
      why: expect.stringContaining('another type and key'),
    });
  });

  test('is different when the code refuses the input, or makes fewer events of it', () => {
    const event = logged as unknown as ReceivedEvent;
    expect(compare({ refusal: 'schema: bad' }, 0, event)).toMatchObject({
      why: expect.stringContaining('schema: bad'),
    });
    expect(compare({ outputs: [] }, 0, event)).toMatchObject({ why: expect.stringContaining('makes 0 events') });
  });
});

describe('the key of a row', () => {
  test.each([
    [{ n: 1.5 }, { n: '1.50' }, true],
    [{ n: 1.5 }, { n: '' }, false],
    [{ at: '2026-01-31T12:00:00.000Z' }, { at: '2026-01-31 12:00:00+00' }, true],
    [{ at: '2026-01-31T12:00:00.000Z' }, { at: '2026-01-31T13:00+01:00' }, true],
    [{ at: '2026-01-31T12:00:00.000Z' }, { at: '2026-01-31T13:00Z' }, false],
    [{ name: null }, { name: 'null' }, false],
    [{ a: 'x', b: 'y' }, { a: 'x', b: 'z' }, false],
    ['no object', { a: 'x' }, false],
  ])('of %j: %j matches: %j', (data, key, isMatch) => {
    expect(keyMatcher(key as Record<string, string>)(data)).toBe(isMatch);
  });

  const readings = { name: 'readings', key: ['sensor_id', 'date'] };

  test('is the values of the key in their order, or columns with their values', () => {
    expect(rowKeyOf(readings, ['roof', '2026-01-01'])).toEqual({ sensor_id: 'roof', date: '2026-01-01' });
    expect(rowKeyOf(readings, ['date=2026-01-01'])).toEqual({ date: '2026-01-01' });
  });

  test('says which columns the key has when there are too few values', () => {
    expect(() => rowKeyOf(readings, ['roof'])).toThrow("the key of 'readings' has the columns sensor_id, date: give 2");
  });
});
