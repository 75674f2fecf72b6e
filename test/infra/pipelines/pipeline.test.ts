import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Sink } from '../../../functions/runtime/sink.ts';
import type { Source, SplitSource } from '../../../functions/runtime/source.ts';
import type { Transform } from '../../../functions/runtime/transform.ts';
import { postgresSink } from '../../../functions/sinks/postgres/postgres.ts';
import { s3Sink } from '../../../functions/sinks/s3/s3.ts';
import { sql } from '../../../infra/pipelines/inline-sql.ts';
import { definePipeline, minutes, type Pipeline, streamOf } from '../../../infra/pipelines/pipeline.ts';
import { audit, Line, lake, Order, orderOfLine, pushed, shop, table } from './example.ts';

const streams = { lines: { schema: Line }, orders: { schema: Order } };
const entry = 'file:///step.ts';

/** A source with two outputs. */
const twoOutputs = (): SplitSource<{ lines: z.input<typeof Line>; more: z.input<typeof Line> }> & {
  readonly connector: 'generator';
} => ({ connector: 'generator', entry, options: {}, outputs: ['lines', 'more'] });

const generated = (): Source<z.input<typeof Line>> & { readonly connector: 'generator' } => ({
  connector: 'generator',
  entry,
  options: {},
});

/** As a `.sql` file's module has it. */
const sqlFor = <const F extends string, const T extends string>(from: F, to: T) => ({
  ...orderOfLine,
  streams: { from, to },
});

/** What must not compile: `tsc`, which runs before the tests, fails where one of these does. */
const mustNotCompile = {
  'a misspelt stream': () =>
    // @ts-expect-error there is no stream 'line'
    definePipeline({ name: 'p', streams, transforms: { a: { from: 'line', apply: orderOfLine, to: 'orders' } } }),

  'a misspelt stream of a sink': () =>
    // @ts-expect-error there is no stream 'order'
    definePipeline({ name: 'p', streams, sinks: { a: { from: 'order', write: lake(), every: minutes(1) } } }),

  'a transform that reads what its input stream does not carry': () => {
    const Other = z.object({ temperature: z.number() });
    const fromOther: Transform<z.input<typeof Other>, z.input<typeof Order>> = {
      entry,
      from: Other,
      to: Order,
      run: () => [],
    };
    // @ts-expect-error lines have no temperature
    return definePipeline({ name: 'p', streams, transforms: { a: { from: 'lines', apply: fromOther, to: 'orders' } } });
  },

  'a transform that reads a field more than its input stream carries': () => {
    const fromOrders: Transform<z.input<typeof Order>, z.input<typeof Order>> = { ...orderOfLine, from: Order };
    const a = { from: 'lines', apply: fromOrders, to: 'orders' } as const;
    // @ts-expect-error lines have no state
    return definePipeline({ name: 'p', streams, transforms: { a } });
  },

  'a transform whose output does not fit its stream': () => {
    const lineOfLine: Transform<z.input<typeof Line>, z.input<typeof Line>> = { ...orderOfLine, to: Line };
    const a = { from: 'lines', apply: lineOfLine, to: 'orders' } as const;
    // @ts-expect-error orders have a state
    return definePipeline({ name: 'p', streams, transforms: { a } });
  },

  'SQL that reads another stream': () => {
    const a = { from: 'lines', apply: sqlFor('orders', 'orders'), to: 'orders' } as const;
    // @ts-expect-error its FROM names 'orders'
    return definePipeline({ name: 'p', streams, transforms: { a } });
  },

  'SQL that writes another stream': () => {
    const a = { from: 'lines', apply: sqlFor('lines', 'paid'), to: 'orders' } as const;
    // @ts-expect-error its CREATE STREAM names 'paid'
    return definePipeline({ name: 'p', streams, transforms: { a } });
  },

  'inline SQL between streams that are not there': () => {
    const a = { from: 'lines', apply: sql('SELECT id FROM lines'), to: 'order' } as const;
    // @ts-expect-error there is no stream 'order'
    return definePipeline({ name: 'p', streams, transforms: { a } });
  },

  'inline SQL into a stream without a schema': () =>
    definePipeline({
      name: 'p',
      // @ts-expect-error a stream has a schema
      streams: { lines: { schema: Line }, out: {} },
      transforms: { a: { from: 'lines', apply: sql('SELECT id FROM lines'), to: 'out' } },
    }),

  'a source whose events do not fit its stream': () =>
    // @ts-expect-error an order needs a total
    definePipeline({ name: 'p', streams, sources: { a: { read: pushed<{ id: string }>(), to: 'lines' } } }),

  'an output whose events do not fit its stream': () => {
    const a = { read: twoOutputs(), to: { lines: 'orders', more: 'lines' } } as const;
    // @ts-expect-error an order has a state
    return definePipeline({ name: 'p', streams, sources: { a } });
  },

  'a sink with a key that the events do not have': () => {
    const misspelt = table({ table: 't', key: ['idd'] });
    // @ts-expect-error orders have no field 'idd'
    return definePipeline({ name: 'p', streams, sinks: { a: { from: 'orders', write: misspelt } } });
  },

  'a sink of large slices without a schedule': () =>
    // @ts-expect-error the S3 sink is scheduled: it needs `every`
    definePipeline({ name: 'p', streams, sinks: { a: { from: 'orders', write: lake() } } }),

  'a source whose connector is not in infra/connectors.ts': () => {
    const unknown: Source<z.input<typeof Line>> & { readonly connector: 'carrier-pigeon' } = {
      connector: 'carrier-pigeon',
      entry,
      options: {},
    };
    // @ts-expect-error nothing says what carrier-pigeon needs
    return definePipeline({ name: 'p', streams, sources: { a: { read: unknown, to: 'lines' } } });
  },

  'a sink whose connector is a source': () => {
    const misplaced: Sink<unknown, 'either'> & { readonly connector: 'http' } = {
      connector: 'http',
      entry,
      options: {},
      delivery: 'either',
    };
    // @ts-expect-error http is a source
    return definePipeline({ name: 'p', streams, sinks: { a: { from: 'orders', write: misplaced } } });
  },

  'a connector whose name is any text': () => {
    const vague: Source<z.input<typeof Line>> = { connector: 'http', entry, options: {} };
    // @ts-expect-error only a literal name can be looked up
    return definePipeline({ name: 'p', streams, sources: { a: { read: vague, to: 'lines' } } });
  },
};

/** Without types, these are pipelines: nothing but the compiler stands between them and AWS. */
test.each(Object.entries(mustNotCompile).filter(([what]) => !what.startsWith('SQL')))(
  'the compiler alone rejects %s',
  (_, define) => {
    expect(define()).toMatchObject({ name: 'p' });
  },
);

describe('a pipeline', () => {
  test('is plain data, with every group present', () => {
    expect(definePipeline({ name: 'empty', streams })).toEqual({
      name: 'empty',
      streams,
      sources: {},
      transforms: {},
      tables: {},
      sinks: {},
    });
  });

  test("takes another pipeline's stream under its schema", () => {
    expect(streamOf(shop, 'orders')).toEqual({ schema: Order, of: { pipeline: 'shop', stream: 'orders' } });
    expect(Object.keys(audit.streams)).toContain('orders');
  });

  test('accepts SQL for its streams, and SQL that names no stream to write', () => {
    const { streams: _, ...unnamed } = sqlFor('lines', 'orders');
    const define = (apply: typeof orderOfLine) =>
      definePipeline({ name: 'p', streams, transforms: { a: { from: 'lines', apply, to: 'orders' } } }).name;
    expect(define(sqlFor('lines', 'orders'))).toBe('p');
    expect(define({ ...unnamed, ...{ streams: { from: 'lines' } } })).toBe('p');
  });

  test('lets a wider schema be read by a step that needs less', () => {
    const needsId: Transform<{ id: string }, z.input<typeof Order>> = {
      entry,
      from: z.object({ id: z.string() }),
      to: Order,
      run: () => [],
    };
    expect(
      definePipeline({ name: 'p', streams, transforms: { a: { from: 'lines', apply: needsId, to: 'orders' } } }).name,
    ).toBe('p');
  });
});

test('a stream that the other pipeline does not have is an error, also for the compiler', () => {
  // @ts-expect-error shop has no stream 'order'
  expect(() => streamOf(shop, 'order')).toThrow("pipeline 'shop' has no stream 'order'");
});

test('a source of several outputs names the stream of each, and two may share one', () => {
  const to = { lines: 'lines', more: 'lines' } as const;
  const sources = { a: { read: twoOutputs(), to } };
  expect(definePipeline({ name: 'p', streams, sources }).sources.a?.to).toEqual(to);
});

describe('a pipeline is rejected', () => {
  const step = { read: pushed<z.input<typeof Line>>(), to: 'lines' } as const;
  const writing = { from: 'lines', write: lake() } as const;
  const refusals: readonly { what: string; define: () => Pipeline; says: RegExp }[] = [
    {
      what: 'with a name that cannot name a stack',
      define: () => definePipeline({ name: 'My_Shop', streams }),
      says: /pipeline 'My_Shop': its name has 1 to 30 of a-z, 0-9 and '-', begins with a letter/,
    },
    {
      what: 'with two hyphens together, which join names',
      define: () => definePipeline({ name: 'a--b', streams }),
      says: /pipeline 'a--b'.*no hyphen at its end or next to another/,
    },
    {
      what: 'with a stream that begins with a digit',
      define: () => definePipeline({ name: 'p', streams: { '1st': { schema: Line } } }),
      says: /stream '1st': a name has/,
    },
    {
      what: 'with a step name that is too long',
      define: () => definePipeline({ name: 'p', streams, sources: { ['s'.repeat(31)]: step } }),
      says: /step 's{31}': a name has 1 to 30/,
    },
    {
      what: 'with two steps of one name',
      define: () =>
        definePipeline({
          name: 'p',
          streams,
          sources: { twin: step },
          sinks: { twin: { ...writing, every: minutes(1) } },
        }),
      says: /step 'twin' exists twice/,
    },
    {
      what: 'with no shard',
      define: () => definePipeline({ name: 'p', streams: { s: { schema: Line, shards: 0 } } }),
      says: /stream 's': shards is 0: use a whole number from 1 to 10000/,
    },
    {
      what: 'with shards and capacity on demand',
      define: () => definePipeline({ name: 'p', streams: { s: { schema: Line, shards: 1, capacity: 'on-demand' } } }),
      says: /stream 's': shards and capacity: 'on-demand' exclude each other/,
    },
    {
      what: 'with a retention that Kinesis does not have',
      define: () => definePipeline({ name: 'p', streams: { s: { schema: Line, retentionDays: 366 } } }),
      says: /stream 's': retentionDays is 366: use a number from 1 to 365/,
    },
    {
      what: 'with a retention of an existing stream that Kinesis does not have',
      define: () => {
        const existing = 'arn:aws:kinesis:eu-west-1:123456789012:stream/theirs';
        return definePipeline({ name: 'p', streams: { s: { schema: Line, existing, retentionDays: 0.5 } } });
      },
      says: /stream 's': retentionDays is 0.5: use a number from 1 to 365/,
    },
    {
      what: 'with a record size that no stream has',
      define: () => {
        const existing = 'arn:aws:kinesis:eu-west-1:123456789012:stream/theirs';
        return definePipeline({ name: 'p', streams: { s: { schema: Line, existing, maxRecordKiB: 512 } } });
      },
      says: /stream 's': maxRecordKiB is 512: use the stream's maximum record size, from 1024 to 10240/,
    },
    {
      what: 'with the alias of a key',
      define: () => definePipeline({ name: 'p', streams: { s: { schema: Line, key: 'alias/ours' } } }),
      says: /stream 's': key is 'alias\/ours': use the ARN of a KMS key, not of an alias/,
    },
    {
      what: 'with an existing stream that is no ARN',
      define: () => definePipeline({ name: 'p', streams: { s: { schema: Line, existing: 'theirs' } } }),
      says: /stream 's': existing is 'theirs': use the ARN of a Kinesis stream/,
    },
    {
      what: 'with a schedule of seconds',
      define: () => definePipeline({ name: 'p', streams, sinks: { s: { ...writing, every: 1_000 } } }),
      says: /step 's': every is 1000 ms: use a whole number of minutes/,
    },
    {
      what: 'with seconds between two reads of a source',
      define: () =>
        definePipeline({ name: 'p', streams, sources: { a: { read: generated(), to: 'lines', every: 1_000 } } }),
      says: /step 'a': every is 1000 ms: use a whole number of minutes/,
    },
    {
      what: 'with a schedule of a source that answers requests',
      define: () => definePipeline({ name: 'p', streams, sources: { a: { ...step, every: 60_000 } } }),
      says: /step 'a': every is for sources that are read on a schedule, and 'http' is not: remove it/,
    },
    {
      what: 'with several outputs of a source that has one',
      define: () => definePipeline({ name: 'p', streams, sources: { a: { ...step, to: { a: 'lines' } } as never } }),
      says: /step 'a': to does not fit its source, which has one output: name one stream/,
    },
    {
      what: 'with an output into a stream that is not there',
      define: () => {
        const a = { read: twoOutputs(), to: { lines: 'line', more: 'lines' } } as const;
        // @ts-expect-error there is no stream 'line'
        return definePipeline({ name: 'p', streams, sources: { a } });
      },
      says: /step 'a': to.lines: the pipeline has no stream 'line'/,
    },
    {
      what: 'with an output without a stream',
      define: () => {
        const a = { read: twoOutputs(), to: { lines: 'lines' } } as const;
        // @ts-expect-error the output 'more' has no stream
        return definePipeline({ name: 'p', streams, sources: { a } });
      },
      says: /step 'a': to has no stream for the output 'more'/,
    },
    {
      what: 'with one stream for a source of several outputs',
      define: () => {
        const a = { read: twoOutputs(), to: 'lines' } as const;
        // @ts-expect-error each output names its stream
        return definePipeline({ name: 'p', streams, sources: { a } });
      },
      says: /step 'a': to does not fit its source, which has several outputs: to: { lines: <stream>, more: <stream> }/,
    },
    {
      what: 'with an output that its source does not have',
      define: () => {
        const a = { read: twoOutputs(), to: { lines: 'lines', more: 'lines', others: 'lines' } } as never;
        return definePipeline({ name: 'p', streams, sources: { a } });
      },
      says: /step 'a': to.others: its source has no such output: it has lines, more/,
    },
    {
      what: 'with a former name that is still in use',
      define: () => definePipeline({ name: 'p', streams, sources: { a: step, b: { ...step, formerly: 'a' } } }),
      says: /step 'b': formerly is 'a', which is still a step of this pipeline/,
    },
    {
      what: 'with a step that writes to the stream it reads',
      define: () =>
        definePipeline({
          name: 'p',
          streams: { lines: { schema: Order } },
          transforms: { a: { from: 'lines', apply: orderOfLine, to: 'lines' } },
        }),
      says: /step 'a': it reads and writes stream 'lines', so it would read its own output for ever/,
    },
    {
      what: 'with a partition of the lake that its loose stream does not declare',
      define: () => {
        const misspelt: Sink<unknown, 'scheduled'> = s3Sink({ prefix: 'p', fields: ['id', 'regoin'] as never[] });
        const loose = { lines: { schema: Line.loose() } };
        const a = { from: 'lines', write: { ...misspelt, connector: 's3' }, every: minutes(1) } as const;
        return definePipeline({ name: 'p', streams: loose, sinks: { a } });
      },
      says: /step 'a': a field of stream 'lines' is 'regoin', .* does not declare: use one of 'id', 'total', or/,
    },
    {
      what: 'with a key of a table that its loose stream does not declare',
      define: () => {
        const a = { from: 'lines', write: postgresSink({ table: 't', key: ['idd' as 'id'] }) } as const;
        return definePipeline({ name: 'p', streams: { lines: { schema: Line.loose() } }, sinks: { a } });
      },
      says: /step 'a': a field of stream 'lines' is 'idd', a field that the schema does not declare/,
    },
    {
      what: 'with SQL that reads another stream',
      define: mustNotCompile['SQL that reads another stream'],
      says: /step 'a': its SQL says FROM orders, but the step reads stream 'lines'/,
    },
    {
      what: 'with SQL that writes another stream',
      define: mustNotCompile['SQL that writes another stream'],
      says: /step 'a': its SQL says CREATE STREAM paid, but the step writes stream 'orders'/,
    },
  ];

  test.each(refusals)('$what', ({ define, says }) => {
    expect(define).toThrow(UserMistake);
    expect(define).toThrow(says);
  });

  test('for all of its mistakes at once', () => {
    expect(() => definePipeline({ name: 'P', streams: { S: { schema: Line, shards: 0 } } })).toThrow(
      /pipeline 'P'.*\n.*stream 'S': a name has.*\n.*stream 'S': shards is 0/s,
    );
  });
});
