import type { Types } from '../../../functions/clients/postgres-types.ts';
import { type CatalogueTable, readTables, readTypes } from '../../../functions/sources/postgres-changes/tables.ts';
import type { Ask } from '../target/given-database.ts';

/** Writes the code of a zod schema for the events of a table: `sales.customers`. */
export async function schemaFromTable(query: Ask, written: string): Promise<string> {
  const [table] = await readTables({ query }, { tables: [written], publication: '', version: 0 });
  return schemaCodeOf(table as CatalogueTable, await readTypes({ query }));
}

/**
 * Writes the code. Every event has the columns of the key; under REPLICA IDENTITY FULL every event has all, because a
 * deletion has them too.
 */
export function schemaCodeOf({ schema, table, identity, primaryKey, columns }: CatalogueTable, types: Types): string {
  const isFull = identity === 'f';
  const fields = columns.map(({ name, type, isNullable }) => {
    const code = codeOf(type, types);
    const nullable = isNullable && code !== 'z.json()' ? '.nullable()' : '';
    const optional = isFull || primaryKey.includes(name) ? '' : '.optional()';
    return `  ${propertyName(name)}: ${code}${nullable}${optional},`;
  });
  return [
    "import { z } from 'zod';",
    '',
    `/** A row of ${schema}.${table}${isFull ? '' : '. A deletion has the columns of the key alone'}. */`,
    `export const ${identifierOf(table)} = z.object({`,
    ...fields,
    '});',
    '',
  ].join('\n');
}

const CODES: ReadonlyMap<number, string> = new Map([
  [16, 'z.boolean()'],
  [20, "z.number().meta({ sql: 'bigint' })"],
  [21, 'z.int32()'],
  [23, 'z.int32()'],
  [26, 'z.number()'],
  [700, 'z.number()'],
  [701, 'z.number()'],
  [1700, "z.number().meta({ sql: 'numeric' })"],
  [114, 'z.json()'],
  [3802, 'z.json()'],
  [1082, 'z.iso.date()'],
  [1114, "z.iso.datetime({ local: true }).meta({ sql: 'timestamp' })"],
  [1184, 'z.iso.datetime()'],
  [2950, 'z.guid()'],
]);

function codeOf(oid: number, types: Types): string {
  const type = types.get(oid);
  if (type?.base != null) return codeOf(type.base, types);
  if (type?.element != null) return `z.array(${codeOf(type.element, types)}.nullable())`;
  return CODES.get(oid) ?? 'z.string()';
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** Makes a name for the schema of a table: `sales_orders` becomes `SalesOrders`. */
function identifierOf(table: string): string {
  const words = table.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return /^[A-Za-z]/.test(name) ? name : `Row${name}`;
}
