import { z } from 'zod';
import { PostgresServer } from '../../clients/postgres-login.ts';
import { pullHandler } from '../../runtime/pull-handler.ts';
import { defineSource, type PulledSource, type Source } from '../../runtime/source.ts';
import { parseOrExplain } from '../../runtime/step-config.ts';
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
  tables: z
    .array(Table)
    .min(1, 'names one table at least')
    .max(100)
    .describe(
      'The tables to follow: `customers`, or `sales.customers` in another schema. Each needs a primary key. Upper and lower case count.',
    ),
  snapshot: z
    .enum(['initial', 'none'])
    .default('initial')
    .describe(
      'What the stream gets of the rows that are there already. `initial`: all of them, as `<table>.inserted`, while changes are followed; a table that is added later gets its own. `none`: nothing, the stream begins with the next change.',
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
});

/**
 * Follows tables of a Postgres database by its log: every insertion, update and deletion becomes an event, in the order
 * of the commits, with the row as its data. Nothing is written into a table.
 */
export const postgresChangesDefinition = defineSource({
  options: Options,
  resources: Resources,
  open({ step, options, resources }): PulledSource<ChangesPosition> {
    const { tables, publication, create, snapshot } = options;
    const { fields, ...server } = resources;
    return {
      position: ChangesPosition,
      read: (from, turn) => readChanges({ step, server, tables, publication, create, snapshot, fields }, from, turn),
    };
  },
});

/**
 * Follows tables by the log of their database: `postgresChangesSource({ tables: ['customers'] })`. The stream's schema
 * is that of a row; the source compares it with the table when it starts. docs/connectors.md explains every option, in
 * the words of `Options`.
 */
export function postgresChangesSource(
  options: Readonly<Omit<z.input<typeof Options>, 'tables'>> & { readonly tables: readonly string[] },
): Source<never> & { readonly connector: 'postgres-changes' } {
  const checked = parseOrExplain(Options, options, 'postgresChangesSource');
  return { connector: 'postgres-changes', entry: import.meta.url, options: checked };
}

export const handler = pullHandler(postgresChangesDefinition);
