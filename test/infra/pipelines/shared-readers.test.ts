import { describe, expect, test } from 'vitest';
import { definePipeline, hours, minutes, type Pipeline, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { planOf } from '../../../infra/pipelines/plan.ts';
import { crowdedStreams, crowdedWarning } from '../../../infra/pipelines/shared-readers.ts';
import { FOREIGN_STREAM, Line, lake, pipelines, shop, table } from './example.ts';

function warningsOf(all: readonly Pipeline[]): readonly string[] {
  return crowdedStreams(all.map((pipeline) => planOf(pipeline, all))).map(crowdedWarning);
}

const sink = { from: 'lines', write: table({ table: 't', key: ['id'] }) } as const;
const scheduled = (prefix: string) => ({ from: 'lines', write: lake({ prefix }), every: minutes(5) }) as const;

function reading(sinks: Readonly<Record<string, object>>, existing?: string): Pipeline {
  const lines = existing === undefined ? { schema: Line } : { schema: Line, existing };
  return definePipeline({ name: 'p', streams: { lines }, sinks: sinks as Record<string, typeof sink> });
}

describe('a third reader of a stream', () => {
  test('causes a warning that names all readers, in any pipeline', () => {
    expect(warningsOf(pipelines)).toEqual([
      'stream shop/orders has 3 readers that share 2 MB/s and 5 reads a second of each shard: shop/lake, shop/order_table, ' +
        'audit/audit_table; give one of the continuous ones fanOut: true, for a fee',
    ]);
  });

  test('causes no warning when one reader has its own consumer', () => {
    expect(warningsOf([reading({ a: sink, b: scheduled('b'), c: { ...sink, fanOut: true } })])).toEqual([]);
    expect(
      warningsOf([reading({ a: sink, b: scheduled('b'), c: { ...sink, fanOut: true }, d: scheduled('d') })]).length,
    ).toBe(1);
  });

  test("of another team's stream counts as well", () => {
    expect(warningsOf([reading({ a: sink, b: sink, c: sink }, FOREIGN_STREAM)])[0]).toContain(
      `stream ${FOREIGN_STREAM}`,
    );
  });

  test('causes another advice when no reader is continuous', () => {
    const [warning] = warningsOf([
      reading({ a: scheduled('a'), b: scheduled('b'), c: { ...scheduled('c'), every: hours(1) } }),
    ]);
    expect(warning).toMatch(/run them less often$/);
  });

  test('that is borrowed is one stream', () => {
    const borrowing = definePipeline({
      name: 'q',
      streams: { theirs: streamOf(shop, 'lines') },
      sinks: { a: { ...sink, from: 'theirs' }, b: { ...scheduled('b'), from: 'theirs' } },
    });
    expect(warningsOf([shop, borrowing])).toEqual([
      expect.stringMatching(/^stream shop\/lines has 3 readers .*: shop\/ordering, q\/a, q\/b;/),
    ]);
  });
});

test('a scheduled step cannot have a consumer of its own', () => {
  expect(() => reading({ a: { ...scheduled('a'), fanOut: true } })).toThrow(
    "step 'a': fanOut and every exclude each other",
  );
});
