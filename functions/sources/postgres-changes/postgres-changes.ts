import { z } from 'zod';
import { PostgresServer } from '../../clients/postgres-login.ts';
import { pullHandler } from '../../runtime/pull-handler.ts';
import { defineSource, type PulledSource, type Source, type SplitSource } from '../../runtime/source.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
import { lookAtSlot } from './look.ts';
import { ChangesPosition } from './position.ts';
import { readChanges } from './read-changes.ts';

const LONGEST_NAME_BYTES = 63;

const Name = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= LONGEST_NAME_BYTES, 'has at most 63 bytes in UTF-8');

const Table = z
  .string()
  .regex(/^[^.]+(\.[^.]+)?$/, "is 'table' or 'schema.table'")
  .refine((table) => table.split('.').every((part) => Buffer.byteLength(part) <= LONGEST_NAME_BYTES), {
    error: 'has names of at most 63 bytes in UTF-8',
  });

const Options = z.strictObject({
  tables: z.union([z.array(Table).min(1, 'names one table at least').max(100), z.record(z.string(), Table)]).meta({
    writtenAs: 'a list, or tables by output',
    description:
      "The tables to follow: `['customers']`, or `sales.customers` in another schema. Each needs a primary key. Upper and lower case count. With names, each goes into a stream of its own: `tables: { buyers: 'sales.customers', orders: 'sales.orders' }`, and the step says `to: { buyers: 'customers', orders: 'orders' }`.",
  }),
  snapshot: z
    .enum(['initial', 'paused', 'none'])
    .default('initial')
    .describe(
      'What the stream gets of the rows that are there already. `initial`: all of them, as `<table>.inserted`, while changes are followed; a table that is added later gets its own. Four tables are read at once, in the order of `tables`. `paused`: as `initial`, but no rows are read for now; with `initial` again they are read on. `none`: nothing, the stream begins with the next change.',
    ),
  publication: Name.default('millrace').describe(
    'The publication that has the tables. It may have others, which are passed over.',
  ),
  create: z
    .boolean()
    .default(false)
    .describe(
      "Whether the source makes the publication when it is missing. Its user has to own the tables then, and to have CREATE on the database. Without it, the source's error message has the statement.",
    ),
  database: z.string().min(1).optional().meta({
    otherwise: "the stage's own database",
    description:
      "The name of another database: one of `databases` in the deployment's context, with a password in Secrets Manager.",
  }),
});

const Field = z.strictObject({ name: z.string(), accepts: z.array(z.string()), isRequired: z.boolean() });

const Resources = PostgresServer.safeExtend({
  /** The fields of the stream's schema. */
  fields: z.array(Field),
  /** The fields of each stream's schema, by output, where there are several. */
  outputs: z.record(z.string(), z.array(Field)).optional(),
});

/**
 * Follows tables of a Postgres database by its log: every insertion, update and deletion becomes an event, in the order
 * of the commits, with the row as its data. Nothing is written into a table.
 */
export const postgresChangesDefinition = defineSource({
  options: Options,
  resources: Resources,
  open({ step, options, resources }): PulledSource<ChangesPosition> {
    const { publication, create, snapshot } = options;
    const { fields, outputs = {}, ...server } = resources;
    const tables = Array.isArray(options.tables)
      ? options.tables.map((written) => ({ written, fields, to: undefined }))
      : Object.entries(options.tables).map(([to, written]) => ({ written, fields: outputs[to] ?? [], to }));
    return {
      position: ChangesPosition,
      look: (from, signal) => lookAtSlot({ step, server }, from, signal),
      read: (from, turn) => readChanges({ step, server, tables, publication, create, snapshot }, from, turn),
    };
  },
});

type Chosen = Readonly<Omit<z.input<typeof Options>, 'tables'>>;
interface Connector {
  readonly connector: 'postgres-changes';
}

/**
 * Follows tables by the log of their database: `postgresChangesSource({ tables: ['customers'] })`. The stream's schema
 * is that of a row; the source compares it with the table when it starts. docs/connectors.md explains every option, in
 * the words of `Options`.
 */
export function postgresChangesSource(
  options: Chosen & { readonly tables: readonly string[] },
): Source<never> & Connector;
/** The same, with a stream for each table: `{ tables: { buyers: 'sales.customers', orders: 'sales.orders' } }`. */
export function postgresChangesSource<const T extends Readonly<Record<string, string>>>(
  options: Chosen & { readonly tables: T },
): SplitSource<{ readonly [Output in keyof T & string]: never }> & Connector;
export function postgresChangesSource(
  options: Chosen & { readonly tables: readonly string[] | Readonly<Record<string, string>> },
): unknown {
  const checked = parseOrExplain(Options, options, 'postgresChangesSource');
  const read = { connector: 'postgres-changes', entry: import.meta.url, options: checked } as const;
  return Array.isArray(checked.tables) ? read : { ...read, outputs: Object.keys(checked.tables) };
}

export const handler = pullHandler(postgresChangesDefinition);
