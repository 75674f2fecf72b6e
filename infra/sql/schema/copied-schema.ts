import { z } from 'zod';
import { quoteText } from '../emit/module-code.ts';
import type { OutputColumn } from '../plan/plan.ts';

/** The schema of the stream that is read, and how the generated module names it. */
export interface InputSchema {
  readonly schema: z.ZodType;
  readonly name: string;
}

/**
 * The code of the schema of a column that is only copied: the input's own, with its enums, formats and bounds.
 * Undefined for a column that is computed, and where what is copied is not what the input's schema makes of it (a
 * default, a conversion).
 */
export function copiedSchemaCode(output: OutputColumn, { schema, name }: InputSchema): string | undefined {
  const { expression } = output;
  const field = copiedField(output, schema);
  if (field === undefined || expression.kind !== 'column') return undefined;
  const code = `${name}.shape${propertyOf(expression.column.name)}`;
  if (!(field instanceof z.ZodNullable)) return travelsAsItIs(field) && !expression.nullable ? code : undefined;
  if (!travelsAsItIs(field.unwrap() as z.ZodType)) return undefined;
  return expression.nullable ? code : `${code}.unwrap()`;
}

/** The schema that the input gives a column that is only copied. */
export function copiedField({ expression }: OutputColumn, input: z.ZodType): z.ZodType | undefined {
  if (expression.kind !== 'column' || expression.column.origin !== 'data' || !(input instanceof z.ZodObject))
    return undefined;
  const field: unknown = input.shape[expression.column.name];
  return field instanceof z.ZodType ? field : undefined;
}

const propertyOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${quoteText(name)}]`);

/** Whether what is parsed is what travels, and never null. */
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

/** `z.coerce.number()`, `.trim()`. */
function converts({ _zod: { def } }: z.ZodType): boolean {
  const { coerce, checks = [] } = def as { coerce?: boolean; checks?: readonly z.core.$ZodCheck[] };
  return coerce === true || checks.some((check) => check._zod.def.check === 'overwrite');
}
