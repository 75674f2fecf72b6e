import { z } from 'zod';
import { declaredFields, undeclaredField } from '../../functions/runtime/json/declared-fields.ts';

/** The part of a pipeline that says which sink or table reads which schema, and which fields it names. */
interface ReadersOfStreams {
  readonly streams: Readonly<Record<string, { readonly schema: z.ZodType }>>;
  readonly sinks: Readonly<
    Record<string, { readonly from: string; readonly write: { readonly fields?: readonly string[] } }>
  >;
  readonly tables: Readonly<Record<string, { readonly from: string; readonly keep: Keep }>>;
}

interface Keep {
  readonly key: readonly string[];
  readonly state?: unknown;
  readonly publishesEvents?: boolean;
  readonly windows?: unknown;
}

/**
 * Finds the sinks whose options, and the tables whose key, name a field that the schema of their stream does not
 * declare, such as a misspelt field to partition by. The compiler finds most of them; the others come from code without
 * types.
 */
export function fieldMistakes({ streams, sinks, tables }: ReadersOfStreams): string[] {
  const readers = [
    ...Object.entries(tables).map(([name, { from, keep }]) => ({ name, from, fields: fieldsOf(keep) })),
    ...Object.entries(sinks).map(([name, { from, write }]) => ({ name, from, fields: write.fields ?? [] })),
  ];
  return readers.flatMap(({ name, from, fields }) => {
    const schema = streams[from]?.schema;
    if (schema === undefined || fields.length === 0) return [];
    const declared = declaredFields(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
    if (declared === undefined) return [];
    return fields.flatMap(
      (field) => undeclaredField(`step '${name}': a field of stream '${from}'`, field, declared) ?? [],
    );
  });
}

/**
 * Returns the fields of a table's key that are fields of its events: the start of a window is none. The key of a table
 * with a state of its own, and of a join, are columns of its rows.
 */
function fieldsOf({ key, state, publishesEvents, windows }: Keep): readonly string[] {
  if (state !== undefined || publishesEvents === true) return [];
  return windows === undefined ? key : key.filter((field) => field !== 'window_start');
}
