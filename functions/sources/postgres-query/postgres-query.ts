import { z } from 'zod';
import { PostgresServer } from '../../clients/postgres-login.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { checkSourceFields, type DeclaredField } from '../../runtime/json/declared-fields.ts';
import { checkerOf, type WireSchema, wireSchemaOf } from '../../runtime/json/wire-schema.ts';
import { pullHandler } from '../../runtime/pull-handler.ts';
import { defineSource, type PulledSource, type Source } from '../../runtime/source.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { QueryPosition, TablePosition } from './position.ts';
import { readQuery } from './read-query.ts';
import { readTable } from './read-table.ts';

const Name = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= 63, 'has at most 63 bytes in UTF-8');

const Limited = z.union([
  z.strictObject({ incrementing: Name, margin: z.int().min(0).default(1_000) }),
  z.strictObject({ timestamp: Name, margin: z.int().min(0).default(60_000) }),
]);

const Options = z
  .strictObject({
    table: z
      .string()
      .regex(/^[^.]+(\.[^.]+)?$/, "is 'table' or 'schema.table'")
      .optional()
      .meta({
        otherwise: 'the rows of `query`',
        description:
          'The table to read: `customers`, or `sales.customers` in another schema. Upper and lower case count.',
      }),
    limitedBy: Limited.optional().meta({
      writtenAs: "`{ incrementing: 'id' }` or `{ timestamp: 'changed_at' }`, with `margin`",
      otherwise: 'the whole table is scanned at each run',
      description:
        'A column with an index that keeps the scan short. `incrementing`: a whole number that a sequence gives; rows that are updated later are not seen. `timestamp`: a `timestamptz` that each write sets to `now()` or later; its user needs `pg_read_all_stats`. `margin` is how far below the bound rows are looked for, 1,000 numbers or 60,000 milliseconds by default. [Databases](databases.md#by-a-query) says what each promises.',
    }),
    query: z.string().min(1).optional().meta({
      otherwise: 'the rows of `table`',
      description: 'A SELECT of your own, instead of `table`. It needs `incrementing`.',
    }),
    incrementing: Name.optional().meta({
      writtenAs: 'a column of `query`',
      otherwise: 'only for `query`',
      description: 'The column of the query with whole numbers that grow, each in one row.',
    }),
    schema: z.record(z.string(), z.unknown()).meta({
      writtenAs: 'a zod schema',
      description:
        'What a row must fit. Only the columns that it declares are read. A row that does not fit is a dead letter.',
    }),
    type: z.string().min(1).describe("The events' `type`, in the past tense: `customer.changed`."),
    key: z.string().min(1).meta({
      writtenAs: 'a field of `schema`',
      description:
        "The field whose value becomes the event's key, such as the table's primary key. A row without a value there has its place as its key.",
    }),
    time: z.string().min(1).optional().meta({
      writtenAs: 'a field of `schema`',
      otherwise: 'the time at which the source saw the row',
      description: 'The field that says when the event happened.',
    }),
    database: z.string().min(1).optional().meta({
      otherwise: "the stage's own database",
      description: "The name of another database: one of `databases` in the deployment's context.",
    }),
  })
  .superRefine(({ table, query, incrementing, limitedBy }, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if ((table === undefined) === (query === undefined)) refuse('table', "give 'table' or 'query', one of them");
    if (query !== undefined && incrementing === undefined) refuse('incrementing', "is missing: 'query' needs it");
    if (query === undefined && incrementing !== undefined) refuse('incrementing', "is for 'query': use limitedBy");
    if (query !== undefined && limitedBy !== undefined) refuse('limitedBy', "is for 'table': limit the query itself");
  });

/**
 * Reads a table, or a query, again and again, and makes an event of each row that is new or was changed. Nothing is
 * written into the database. A run reads in one transaction, which it holds for 15 minutes at most.
 */
export const postgresQueryDefinition = defineSource({
  options: Options,
  resources: PostgresServer,
  open({ step, options, resources: server }): PulledSource<never> {
    const { table, query, incrementing, limitedBy: limit, type, key, time } = options;
    const schema = options.schema as WireSchema;
    const of = { server, step, schema, shape: { type, key, time, check: checkerOf(schema) } };
    if (table !== undefined) {
      const source: PulledSource<TablePosition> = {
        position: TablePosition,
        read: (from, turn) => readTable({ ...of, table, limit }, from, turn),
      };
      return source as unknown as PulledSource<never>;
    }
    if (query === undefined || incrementing === undefined)
      throw new UserMistake(`step '${step}' has no table and no query`);
    const source: PulledSource<QueryPosition> = {
      position: QueryPosition,
      read: (from, turn) => readQuery({ ...of, query, incrementing }, from, turn),
    };
    return source as unknown as PulledSource<never>;
  },
});

/** What a pipeline says. */
type PostgresQueryOptions<I, W> = Readonly<
  Pick<z.input<typeof Options>, 'table' | 'limitedBy' | 'query' | 'incrementing' | 'type' | 'database'>
> & {
  readonly schema: z.ZodType<I, W>;
  readonly key: DeclaredField<W>;
  readonly time?: DeclaredField<W>;
};

/**
 * Reads a table of Postgres without its log: `postgresQuerySource({ table: 'customers', schema: Customer, type:
 * 'customer.changed', key: 'customer_id' })`. docs/connectors.md explains every option, in the words of `Options`.
 */
export function postgresQuerySource<I, W>(
  options: PostgresQueryOptions<I, W>,
): Source<W> & { readonly connector: 'postgres-query' } {
  const schema = wireSchemaOf(options.schema, 'postgresQuerySource');
  checkSourceFields('postgresQuerySource', schema, options);
  const checked = parseOrExplain(Options, { ...options, schema }, 'postgresQuerySource');
  return { connector: 'postgres-query', entry: import.meta.url, options: checked };
}

export const handler = pullHandler(postgresQueryDefinition);
