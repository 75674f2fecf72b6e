import { UserMistake } from '../../runtime/errors.ts';
import type { ParquetColumn } from '../s3/parquet/column-types.ts';
import type { TableCatalog } from './catalog/rest-catalog.ts';
import type { Table } from './catalog/table-metadata.ts';
import type { Committer } from './committer.ts';
import { type Fit, fitColumns, newSchema } from './table/columns.ts';
import { type By, newSpec } from './table/partitioning.ts';

/** What a table of the sink is made of. */
export interface TableMaking {
  readonly catalog: TableCatalog;
  readonly called: string;
  readonly columns: { readonly attributes: readonly ParquetColumn[]; readonly data: readonly ParquetColumn[] };
  readonly by: By | undefined;
  readonly location: string | undefined;
  readonly makesNamespace: boolean;
}

/** Two processes may do the same at once, and each sees what the other has done. */
const MOST_ATTEMPTS = 5;

/** The version of Iceberg's table format that the sink writes. */
const FORMAT = 2;

/** Loads the table, with all columns that the events need: makes it where it is missing, and adds columns. */
export async function readyTable(
  making: TableMaking,
  committer: Pick<Committer, 'look'>,
  signal: AbortSignal,
): Promise<{ readonly table: Table; readonly fit: Fit }> {
  const { called, columns } = making;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const table = await committer.look(signal);
    if (table === undefined) {
      await make(making, signal);
      continue;
    }
    if (table.formatVersion !== FORMAT)
      throw new UserMistake(
        `the table ${called} is of format version ${table.formatVersion}, and the sink writes version ${FORMAT}: write to another table`,
      );
    const fit = fitIn(table, columns, called);
    if (fit.needs === undefined) return { table, fit };
    await widen(making, { table, needs: fit.needs }, signal);
  }
  throw new Error(`the table ${called} did not get its columns after ${MOST_ATTEMPTS} attempts`);
}

function fitIn(table: Table, columns: TableMaking['columns'], called: string): Fit {
  try {
    return fitColumns(columns, table);
  } catch (error) {
    throw error instanceof UserMistake ? new UserMistake(`the table ${called}: ${error.message}`) : error;
  }
}

async function make(
  { catalog, columns, by, location, makesNamespace }: TableMaking,
  signal: AbortSignal,
): Promise<void> {
  if (makesNamespace) await catalog.createNamespace(signal);
  const schema = newSchema([...columns.attributes, ...columns.data]);
  await catalog.create(
    {
      ...(location === undefined ? {} : { location }),
      schema: { type: 'struct', 'schema-id': 0, ...schema },
      ...(by === undefined ? {} : { 'partition-spec': newSpec(by, schema) }),
      properties: {
        'format-version': String(FORMAT),
        'write.parquet.compression-codec': 'zstd',
        // Each commit writes the metadata anew.
        'write.metadata.delete-after-commit.enabled': 'true',
        'write.metadata.previous-versions-max': '100',
      },
    },
    signal,
  );
}

/** Gives the table a wider schema. When another process does so at the same time, one of them does it again. */
async function widen(
  { catalog }: TableMaking,
  { table, needs }: { readonly table: Table; readonly needs: NonNullable<Fit['needs']> },
  signal: AbortSignal,
): Promise<void> {
  const schemaId = table.schema['schema-id'];
  const schema = { type: 'struct', 'schema-id': schemaId + 1, fields: needs.fields };
  await catalog.commit(
    {
      requirements: [
        { type: 'assert-table-uuid', uuid: table.uuid },
        { type: 'assert-current-schema-id', 'current-schema-id': schemaId },
        // Two columns would get one number otherwise.
        { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': table.lastColumnId },
      ],
      updates: [
        { action: 'add-schema', schema, 'last-column-id': needs.lastColumnId },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
    },
    signal,
  );
}
