import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { dynamoDbSink } from '../../../../functions/sinks/dynamodb/dynamodb.ts';
import { postgresSink } from '../../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../../functions/sinks/s3/s3.ts';
import { webhookSink } from '../../../../functions/sinks/webhook/webhook.ts';
import { matchingOf, openMatching } from '../../../../infra/operation/compare/matching.ts';
import { viewOf } from '../../../../infra/operation/compare/views.ts';
import { definePipeline, minutes } from '../../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../../infra/pipelines/plan.ts';

const Row = z.object({ a: z.string(), b: z.string() });
const pipeline = definePipeline({
  name: 'matched',
  streams: { rows: { schema: Row } },
  sinks: {
    by_a: { from: 'rows', write: postgresSink({ table: 'by_a', key: ['a'] }) },
    by_b: { from: 'rows', write: postgresSink({ table: 'by_b', key: ['b'] }) },
    by_a_too: { from: 'rows', write: postgresSink({ table: 'by_a_too', key: ['a'] }) },
    mirror: { from: 'rows', write: postgresSink({ table: 'mirror', key: ['a'], mode: 'mirror' }) },
    appended: { from: 'rows', write: postgresSink({ table: 'appended' }) },
    lines: { from: 'rows', write: s3Sink({ prefix: 'lines' }), every: minutes(5) },
    data: { from: 'rows', write: s3Sink({ prefix: 'data', lines: 'data' }), every: minutes(5) },
    archive: { from: 'rows', write: s3Sink({ prefix: 'archive', lines: 'record' }), every: minutes(5) },
    items: { from: 'rows', write: dynamoDbSink({ table: 'items' }) },
    events: { from: 'rows', write: dynamoDbSink({ table: 'events', item: 'event' }) },
    hook: { from: 'rows', write: webhookSink({ url: 'https://example.com/hook' }) },
  },
});
const { steps } = planOf(pipeline, [pipeline]);
const view = (name: string) => viewOf(steps.find((step) => step.name === name)!);
const match = (a: string, b: string) => matchingOf(view(a), view(b));

describe('rows of two sinks', () => {
  test.each([
    ['by_a', 'by_a_too', { by: 'columns', columns: ['a'] }],
    ['by_a', 'lines', { by: 'columns', columns: ['a'] }],
    ['data', 'by_a', { by: 'columns', columns: ['a'] }],
    ['mirror', 'lines', { by: 'columns', columns: ['a'] }],
    ['items', 'by_a', { by: 'columns', columns: ['a'] }],
    ['items', 'lines', { by: 'key' }],
    ['events', 'lines', { by: 'id' }],
    ['appended', 'lines', { by: 'content' }],
    ['data', 'lines', { by: 'content' }],
  ])('%s and %s are matched by what both of them keep', (a, b, expected) => {
    expect(match(a, b)).toEqual(expected);
  });

  test.each([
    ['by_a', 'by_b', 'the keys of the two tables differ (by_a: a; by_b: b)'],
    [
      'mirror',
      'data',
      "'data' does not keep the type of its events, so nothing tells which of them delete a row of 'mirror'",
    ],
    ['items', 'data', "'data' does not keep the key of its events"],
    ['appended', 'items', "'appended' does not keep the key of its events"],
  ])('%s and %s are refused, with the reason', (a, b, message) => {
    expect(() => match(a, b)).toThrow(message);
  });

  test('of a webhook are refused, because they cannot be read back', () => {
    expect(() => view('hook')).toThrow(
      "'hook' writes with the connector webhook, and what that has written cannot be read back: compare sinks of postgres, s3, dynamodb, iceberg",
    );
  });

  test('of an archive of records are refused, because records are no rows', () => {
    expect(() => view('archive')).toThrow(
      "'archive' archives the records of its stream (lines: 'record'), which are no rows: compare a sink with lines: 'event' or 'data'",
    );
  });

  test('are matched by their key, and an event without one by nothing', () => {
    const fields = [
      { name: 'a', form: { kind: 'number' } },
      { name: 'b', form: { kind: 'text' } },
    ] as const;
    const matched = openMatching({ by: 'columns', columns: ['a'] }, fields);
    expect(matched({ data: { a: '1.0', b: 'x' } })).toEqual({ id: '["1"]', row: '["1","x"]' });
    expect(matched({ data: { key: 'all' } }).id).toBeUndefined();
    expect(matched({ data: 17 }).id).toBeUndefined();
    expect(openMatching({ by: 'content' }, [])({ data: [1.0, null] }).id).toBe('["[1,null]"]');
  });
});
