import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { OpenSink, SinkDefinition } from '../../functions/runtime/sink.ts';
import { columnsOf } from '../../functions/sinks/postgres/columns.ts';
import { EVENT_COLUMN } from '../../functions/sinks/postgres/event-column.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { type Given, logOf, sliceOf } from '../contracts/slices.ts';
import { type PostgresServer, startPostgres } from '../kit/servers.ts';
import { createTables, type Row, type Tables } from '../kit/tables.ts';

const Thing = z.object({
  id: z.string(),
  kind: z.int32(),
  n: z.int().nullable(),
  amount: z.number().optional(),
  flag: z.boolean().nullish(),
  day: z.iso.date().optional(),
  at: z.iso.datetime({ offset: true }).optional(),
  label: z.string().optional(),
  more: z.unknown().optional(),
});
const columns = columnsOf(Thing);

/** One side of the comparison: a sink, and the rows of its table. */
interface Side {
  readonly sink: OpenSink;
  /** The same sink under another step name. */
  readonly renamed: OpenSink;
  rows(): Promise<readonly unknown[]>;
}

describe("the kit's tables", () => {
  let server: PostgresServer;
  let client: pg.Client;
  let database: string;
  let tables = 0;
  beforeAll(async () => {
    server = await startPostgres();
    database = await server.createDatabase();
    client = await server.connect(database);
  });
  afterAll(async () => {
    await client.end();
    await server.stop();
  });

  /** Closes the sinks' connections: a sink keeps its connection for the life of its process. */
  async function hangUp(): Promise<void> {
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace%'`,
    );
  }

  async function open(key: readonly string[] | undefined, constrained: boolean): Promise<{ real: Side; kit: Side }> {
    await hangUp();
    const table = `t${++tables}`;
    const options = { table, create: true, ...(key === undefined ? {} : { key }) };
    const { host, port, user, password } = server;
    const resources = { host, port, database, user, auth: { password }, tls: 'off', columns };
    const context = { step: `p/${table}`, resources, options };
    const model: Tables = createTables();
    const definitions = {
      real: postgresDefinition as unknown as SinkDefinition<unknown, unknown>,
      kit: model.sink(async (_, work) => work()),
    };
    const real = openSink(definitions.real, context);
    const kit = openSink(definitions.kit, context);
    const renamed = { ...context, step: `p/renamed-${table}`, formerly: context.step };
    await real.write(sliceOf({ ...EMPTY, step: context.step }));
    await kit.write(sliceOf({ ...EMPTY, step: context.step }));
    if (constrained) {
      await client.query(`ALTER TABLE ${table} ADD CONSTRAINT positive CHECK (n >= 0)`);
      model.constrain(table, ({ n }) => (n !== null && (n as number) < 0 ? 'positive' : undefined));
    }
    return {
      real: {
        sink: real,
        renamed: openSink(definitions.real, renamed),
        // The kit's tables do not say which event wrote a row.
        rows: async () =>
          (await client.query(`SELECT to_jsonb(t) - '${EVENT_COLUMN}' AS row FROM ${table} t`)).rows.map(
            ({ row }) => row,
          ),
      },
      kit: { sink: kit, renamed: openSink(definitions.kit, renamed), rows: async () => model.rows(table) },
    };
  }

  test('store random slices as the sink does in Postgres', async () => {
    const seen = { rejected: 0, stale: 0, rows: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(slice, { minLength: 1, maxLength: 6 }),
        key,
        fc.boolean(),
        async (slices, by, constrained) => {
          const { real, kit } = await open(by, constrained);
          const step = `p/t${tables}`;
          let [revision, start] = [1, 0];
          for (const { events, isStale } of slices) {
            const log = logOf([...Array.from({ length: start }, () => NOTHING), ...events]).slice(start);
            const of = { events: log, step, previous: isStale ? revision + 1 : revision };
            const [wanted, got] = [await outcomeOf(real.sink, of), await outcomeOf(kit.sink, of)];
            expect(unlessReplaced(got, log, by)).toEqual(unlessReplaced(wanted, log, by));
            expect(sorted(await kit.rows())).toEqual(sorted(await real.rows()));
            const shard = sliceOf(of).shard;
            expect(await committedBy(kit.sink, shard)).toEqual(await committedBy(real.sink, shard));
            expect(await committedBy(kit.renamed, shard)).toEqual(await committedBy(real.renamed, shard));
            if (!isStale) revision++;
            start += events.length;
            seen.stale += isStale ? 1 : 0;
            seen.rejected += 'rejections' in got ? got.rejections.length : 0;
          }
          seen.rows += (await kit.rows()).length;
        },
      ),
      { numRuns: 20 },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(10);
  });
});

const NOTHING: Given = { data: {} };
const EMPTY = { events: [], to: 'x' as never };

const key = fc.constantFrom(undefined, ['id'], ['id', 'kind']);

/** Generates values that mostly fit; some are missing or null, a few have another type. */
const mostly = (right: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 12, arbitrary: right },
    { weight: 1, arbitrary: fc.constantFrom(undefined, null, true, 1.5, 'word', '7', '', [1], { a: null }) },
  );

const data = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      id: mostly(fc.constantFrom('a', 'b', 'c')),
      kind: mostly(fc.constantFrom(1, 2, 2 ** 31)),
      n: mostly(fc.constantFrom(null, 0, 7, -7, 2 ** 53 - 1)),
      amount: mostly(fc.constantFrom(undefined, 0, -1.25, 1e10, 0.1)),
      flag: mostly(fc.constantFrom(undefined, true, false)),
      day: mostly(fc.constantFrom(undefined, '2026-02-28', '2026-02-30', '2026-01-01T10:00:00Z')),
      at: mostly(fc.constantFrom(undefined, '2026-01-01T10:00:00Z', '2026-01-01T10:00:00.120+02:00', '2026-01-01')),
      label: mostly(fc.constantFrom(undefined, 'x', 'tab\tand "quotes"\\', '€')),
      more: fc.constantFrom(undefined, null, 'text', 1, [1, { a: 2 }]),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(1, 'text', [1], null) },
);

const slice = fc.record({
  events: fc.array(data, { minLength: 1, maxLength: 12 }).map((some) => some.map((one): Given => ({ data: one }))),
  isStale: fc.boolean(),
});

function openSink(
  definition: SinkDefinition<unknown, unknown>,
  context: { step: string; formerly?: string; options: unknown; resources: unknown },
) {
  const { options, resources } = definition;
  return definition.open({
    step: context.step,
    formerly: context.formerly,
    options: options.parse(context.options),
    resources: resources.parse(context.resources),
  });
}

async function outcomeOf(sink: OpenSink, of: Parameters<typeof sliceOf>[0]) {
  try {
    const rejections = await sink.write(sliceOf(of));
    return { rejections: rejections.map(({ at, reason, message }) => ({ at, reason, message: causeOf(message) })) };
  } catch (error) {
    return { failed: (error as Error).name };
  }
}

/**
 * Leaves out rows that violate a constraint and that a later row of the slice replaces. Depending on where the sink
 * cuts its blocks, Postgres never sees some of them; the kit's tables reject them all.
 */
function unlessReplaced(
  outcome: Awaited<ReturnType<typeof outcomeOf>>,
  log: ReturnType<typeof logOf>,
  by: readonly string[] = [],
): object {
  if (!('rejections' in outcome)) return outcome;
  const keyOf = ({ data }: (typeof log)[number]) =>
    JSON.stringify(by.map((name) => String((data as Row | null)?.[name])));
  const isReplaced = (at: string) => {
    const index = log.findIndex(({ position }) => position === at);
    return by.length > 0 && log.slice(index + 1).some((later) => keyOf(later) === keyOf(log[index] as never));
  };
  return outcome.rejections.filter(({ at, message }) => !(message.includes(CONSTRAINT) && isReplaced(at)));
}

const CONSTRAINT = '(SQLSTATE 23514)';

/** Removes the rejections from a state: they are compared as the sink returns them. */
async function committedBy(sink: OpenSink, shard: string): Promise<object> {
  const { revision, state = '{}' } = (await sink.loadProgress?.(shard, new AbortController().signal)) ?? {};
  return { revision, to: (JSON.parse(state) as { to?: string }).to };
}

/** Reduces a message to the column and the SQLSTATE: the words in between are Postgres's own. */
function causeOf(message: string): string {
  return message.replace(/^(column \w+: )?.*( \(SQLSTATE \w+\))$/s, '$1$2');
}

function sorted(rows: readonly unknown[]): readonly string[] {
  return rows.map((row) => JSON.stringify(sortedFields(row))).sort();
}

function sortedFields(row: unknown): unknown {
  return Object.fromEntries(Object.entries(row as object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
