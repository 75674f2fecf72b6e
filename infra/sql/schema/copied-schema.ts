import { z } from 'zod';
import { quoteText } from '../emit/module-code.ts';
import type { OutputColumn } from '../plan/plan.ts';

/** The schema of the input stream, and its name in the generated module. */
export interface InputSchema {
  readonly schema: z.ZodType;
  readonly name: string;
}

/**
 * Returns the code of a copied column's schema: that of the input, with its enums, formats and bounds. Returns
 * undefined for a computed column, and for a schema that changes values when it parses them (a default, a conversion),
 * because the column is copied without parsing.
 */
export function copiedSchemaCode(output: OutputColumn, { schema, name }: InputSchema): string | undefined {
  const { expression } = output;
  const field = copiedField(output, schema);
  if (field === undefined || expression.kind !== 'column') return undefined;
  const code = `${name}.shape${propertyOf(expression.column.name)}`;
  if (!(field instanceof z.ZodNullable)) {
    if (!travelsAsItIs(field)) return undefined;
    // A column that is null only where a join has no row of its input.
    return expression.nullable ? `${code}.nullable()` : code;
  }
  if (!travelsAsItIs(field.unwrap() as z.ZodType)) return undefined;
  return expression.nullable ? code : `${code}.unwrap()`;
}

/** Returns the input's schema of a copied column; undefined for a computed one. */
export function copiedField({ expression }: OutputColumn, input: z.ZodType): z.ZodType | undefined {
  if (expression.kind !== 'column' || expression.column.origin !== 'data' || !(input instanceof z.ZodObject))
    return undefined;
  const field: unknown = input.shape[expression.column.name];
  return field instanceof z.ZodType ? field : undefined;
}

const propertyOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${quoteText(name)}]`);

/** Tests whether a schema accepts no null and leaves values unchanged when it parses them. */
function travelsAsItIs(schema: z.ZodType): boolean {
  if (schema instanceof z.ZodString || schema instanceof z.ZodStringFormat || schema instanceof z.ZodNumber)
    return !converts(schema);
  if (schema instanceof z.ZodArray) return travels(schema.element as z.ZodType) && !converts(schema);
  if (schema instanceof z.ZodObject)
    return Object.values(schema.shape as Record<string, z.ZodType>).every(travels) && !converts(schema);
  return schema instanceof z.ZodBoolean || schema instanceof z.ZodEnum;
}

const travels = (schema: z.ZodType): boolean =>
  travelsAsItIs(
    schema instanceof z.ZodNullable || schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema,
  );

/** Tests for a schema that changes values, such as `z.coerce.number()` or `.trim()`. */
function converts({ _zod: { def } }: z.ZodType): boolean {
  const { coerce, checks = [] } = def as { coerce?: boolean; checks?: readonly z.core.$ZodCheck[] };
  return coerce === true || checks.some((check) => check._zod.def.check === 'overwrite');
}
