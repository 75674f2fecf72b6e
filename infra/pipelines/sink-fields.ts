import { z } from 'zod';
import { declaredFields, undeclaredField } from '../../functions/runtime/json/declared-fields.ts';

/** The part of a pipeline that says which sink reads which schema, and which fields its options name. */
interface SinksOfStreams {
  readonly streams: Readonly<Record<string, { readonly schema: z.ZodType }>>;
  readonly sinks: Readonly<
    Record<string, { readonly from: string; readonly write: { readonly fields?: readonly string[] } }>
  >;
}

/**
 * Finds the sinks whose options name a field that the schema of their stream does not declare, such as a misspelt field
 * to partition by. The compiler finds most of them; the others come from code without types.
 */
export function fieldMistakes({ streams, sinks }: SinksOfStreams): string[] {
  return Object.entries(sinks).flatMap(([name, { from, write }]) => {
    const { fields = [] } = write;
    const schema = streams[from]?.schema;
    if (schema === undefined || fields.length === 0) return [];
    const declared = declaredFields(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
    if (declared === undefined) return [];
    return fields.flatMap(
      (field) => undeclaredField(`step '${name}': a field of stream '${from}'`, field, declared) ?? [],
    );
  });
}
