import { z } from 'zod';
import { openDatabase } from '../../clients/postgres.ts';
import { PostgresServer } from '../../clients/postgres-login.ts';
import { UserMistake } from '../../runtime/errors.ts';
import { defineSink, type OpenSink, type Sink, type Slice } from '../../runtime/sink.ts';
import { sinkHandler } from '../../runtime/sink-handler.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { Column } from './columns.ts';
import { openConnections } from './connection.ts';
import { growingAsNeeded } from './growing-slice.ts';
import { isName, NAME_RULE } from './names.ts';
import { commitAt, loadPages, loadProgress } from './progress.ts';
import { writeRows } from './rows.ts';
import { hasSameComposites, isEmptyOrMissing } from './table.ts';

const Name = z
  .string()
  .regex(/^[^.]*$/, 'a name has 1 to 63 bytes in UTF-8 and no point')
  .refine(isName, NAME_RULE);

const Options = z
  .strictObject({
    table: z
      .string()
      .regex(/^[^.]*(\.[^.]*)?$/, "is 'table' or 'schema.table', each of 1 to 63 bytes in UTF-8")
      .refine((table) => table.split('.').every(isName), NAME_RULE)
      .describe('The table to write to: `orders`, or `sales.orders` in another schema. Upper and lower case count.'),
    key: z.array(Name).min(1, 'names one column at least; leave it out to append').optional().meta({
      writtenAs: "fields of the stream's schema",
      otherwise: 'every event adds a row',
      description:
        'The columns that identify a row: an event replaces the row that has the same values there. The table needs a primary key or a unique index on exactly these columns.',
    }),
    mode: z.enum(['rows', 'mirror']).default('rows').meta({
      description:
        "What an event is. `rows`: its data is a row. `mirror`: it is a change of a row, as a table's change stream has them: a type that ends with `.inserted` or `.updated` stores its data as the row, one that ends with `.deleted` deletes the row with its key, and one that ends with `.truncated` deletes all rows ([of its shard](databases.md#truncate)). A field `before` for which the table has no column is left out. A mirror needs `key`.",
    }),
    create: z
      .boolean()
      .default(false)
      .describe(
        "Whether the sink creates the table when the table is missing: a column for each field of the stream's schema, with `key` as its primary key, and `millrace_event`, which says which event each row is of ([why](operate.md#why-is-this-row-here)). A table that exists stays as it is, without `evolve`.",
      ),
    evolve: z
      .boolean()
      .default(false)
      .describe(
        "Whether the table grows with the stream's schema, in the transaction of the first row that needs it: a column for a new field, a wider type, and null where a field is not always there. The user must own the table. Nothing is ever dropped ([schemas](schemas.md#tables-in-postgres)).",
      ),
    database: z.string().min(1).optional().meta({
      otherwise: "the stage's own database",
      description: "The name of another database: one of `databases` in the deployment's context.",
    }),
  })
  .refine(({ mode, key }) => mode === 'rows' || key !== undefined, {
    path: ['key'],
    error: 'is missing: a mirror finds the row of a change by its key',
  });

const Resources = PostgresServer.safeExtend({
  /** The columns of the table, derived from the stream's schema. Required when `create` or `evolve` is true. */
  columns: z.array(Column).optional(),
});

/**
 * Keeps a table in Postgres: an event's data is a row, and each field is the column of the same name. A missing field
 * is null, or the column's default.
 *
 * Rows, position and marks with their pages are committed in one transaction, so a batch that is delivered twice counts
 * once. A row that the database rejects (`isRowsFault`) becomes a dead letter, and the other rows are committed. A
 * trigger that wants to reject a row raises an error of one of these classes. A mistake that the operator has to
 * correct, such as a missing table or column, stops the step and loses nothing. The table may be altered at any time:
 * the next transaction sees its new columns. With `evolve`, the sink alters it.
 */
export const postgresDefinition = defineSink({
  options: Options,
  resources: Resources,
  into: (options, table) => ({ ...options, table }),
  doubles: ({ key }) => key === undefined,
  open({ step, formerly, options, resources }): OpenSink {
    const { table, key, mode, create, evolve } = options;
    const { columns, ...server } = resources;
    if ((create || evolve) && columns === undefined)
      throw new UserMistake(
        `step '${step}': ${create ? 'create' : 'evolve'} is true, but its resources have no columns to ${create ? 'create' : 'alter'} the table with: deploy the pipeline again`,
      );
    const database = openDatabase(server, step);
    const connections = openConnections({
      table,
      key,
      mirror: mode === 'mirror',
      create: create ? columns : undefined,
      evolve: evolve ? columns : undefined,
    });

    /** Writes a slice in one transaction. Throws `TableTooNarrow` when its rows need columns beside `needed`. */
    const write = ({ shard, pages, signal, progress }: Slice, needed: ReadonlySet<string>) =>
      database.use(signal, async (client) => {
        const { into, locked } = await connections.begin(client, { step, shard }, needed);
        const rejections = await writeRows(client, into, { shard, pages });
        if (!(await hasSameComposites(client, into.table)))
          throw new Error(`a composite type of the table ${table} was altered while the rows were written`);
        await commitAt(client, locked, progress(rejections));
        return rejections;
      });

    return {
      write: (slice) => (evolve ? growingAsNeeded(slice, write) : write(slice, new Set())),
      loadProgress: (shard, signal) =>
        database.use(signal, (client) => loadProgress(client, { step, formerly, shard })),
      loadPages: (shard, signal) => database.use(signal, (client) => loadPages(client, { step, formerly, shard })),
      isEmpty: (signal) => database.use(signal, (client) => isEmptyOrMissing(client, table)),
    };
  },
});

/** What a pipeline says. The compiler's messages name this type. */
interface PostgresOptions<K extends string>
  extends Readonly<Pick<z.input<typeof Options>, 'table' | 'create' | 'evolve' | 'database'>> {
  readonly key?: readonly K[];
  // A name for this type would hide the text from the compiler's message.
  readonly mode?: 'rows' | ([K] extends [never] ? "a mirror needs 'key', the columns of a row's key" : 'mirror');
}

/**
 * Keeps one row for each key, the latest; without a key, one row for each event. `mode: 'mirror'` applies the changes
 * of another table, deletions too. docs/connectors.md explains every option, in the words of `Options`.
 */
export function postgresSink<const K extends string = never>(
  options: PostgresOptions<K>,
): Sink<[K] extends [never] ? unknown : Readonly<Record<K, unknown>>, 'either', K> & {
  readonly connector: 'postgres';
} {
  parseOrExplain(Options, options, 'postgresSink');
  return { connector: 'postgres', entry: import.meta.url, options, delivery: 'either', fields: options.key ?? [] };
}

export const handler = sinkHandler(postgresDefinition);
