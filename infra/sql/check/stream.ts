import { z } from 'zod';
import type { NamedSchema } from '../../pipelines/inline-sql.ts';
import type { Checked } from '../plan/checked.ts';
import type { OutputColumn, Plan } from '../plan/plan.ts';
import type { Column, SqlType } from '../plan/sql-type.ts';
import { sameType, typeName } from '../plan/sql-type.ts';
import { copiedField } from '../schema/copied-schema.ts';
import { columnsOfSchema } from '../schema/schema-columns.ts';
import { SqlMistake } from '../syntax/source-position.ts';
import { suggest } from '../syntax/suggest.ts';

/** Checks that the outputs of a statement fit the schema of the stream that it writes. Throws `SqlMistake`. */
export function checkStream(plan: Plan, from: NamedSchema, to: NamedSchema): void {
  const declared = to.schema instanceof z.ZodType ? columnsOfSchema(to.schema) : undefined;
  if (declared === undefined)
    throw mistake(plan, 0, {
      problem: `stream "${to.name}" declares no columns`,
      hint: `SQL in a pipeline can write only to a stream whose schema is z.object({ … })`,
    });
  for (const output of plan.outputs) {
    const misfit = misfitOf({ from, to }, output, declared);
    if (misfit !== undefined) throw mistake(plan, output.expression.offset, misfit);
  }
  const missing = declared.find(
    ({ name }) => plan.outputs.every((output) => output.name !== name) && isNeeded(to, name),
  );
  if (missing !== undefined)
    throw mistake(plan, plan.outputs[0]?.expression.offset ?? 0, {
      problem: `stream "${to.name}" declares "${missing.name}", which the statement does not select`,
      hint: 'select it, or make it optional',
    });
}

interface Between {
  readonly from: NamedSchema;
  readonly to: NamedSchema;
}

interface Problem {
  readonly problem: string;
  readonly hint?: string | undefined;
}

function misfitOf(between: Between, output: OutputColumn, declared: readonly Column[]): Problem | undefined {
  const { from, to } = between;
  const { name, expression } = output;
  const wanted = declared.find((column) => column.name === name);
  if (wanted === undefined) return unknownColumn(to, name, declared);
  if (expression.nullable && !takes(to, name, null))
    return {
      problem: `column "${name}" may be null, but stream "${to.name}" declares that it never is`,
      hint: 'use coalesce(…) or WHERE … IS NOT NULL, or make it nullable',
    };
  const copied = copiedField(output, from.schema);
  if (copied !== undefined && copied === fieldOf(to, name)) return undefined;
  if (!fits(expression.type, wanted.type))
    return {
      problem: `column "${name}" is ${typeName(expression.type)}, but stream "${to.name}" declares ${typeName(wanted.type)}`,
      hint: `cast it, as in (…)::${typeName(wanted.type)}, or change the schema`,
    };
  const written = copied === undefined ? WRITTEN[typeName(expression.type)] : undefined;
  if (written !== undefined && !takes(to, name, written))
    return {
      problem: `column "${name}" is written in the form "${written}", which the schema of stream "${to.name}" does not accept`,
    };
  const outside = textOutside({ expression, ...between }, name);
  if (outside === undefined) return undefined;
  return {
    problem: `column "${name}" may be ${outside}, which the schema of stream "${to.name}" does not accept`,
    hint: 'use z.string() in the schema',
  };
}

function unknownColumn(to: NamedSchema, name: string, declared: readonly Column[]): Problem {
  const names = declared.map((column) => column.name);
  const near = suggest(name, names);
  return {
    problem: `stream "${to.name}" has no column "${name}"`,
    hint: near === undefined ? `it has ${names.join(', ')}` : `did you mean "${near}"?`,
  };
}

/**
 * Tests whether every value of one type, written as JSON, is a valid value of another. Numbers fit wider numbers, and
 * dates fit text; text does not fit a date, because not every text is one.
 */
function fits(type: SqlType, into: SqlType): boolean {
  const name = typeName(into);
  if (name === 'jsonb' || sameType(type, into)) return true;
  if (type.kind === 'array' && into.kind === 'array') return fits(type.element, into.element);
  if (type.kind === 'record' && into.kind === 'record')
    return into.fields.every((wanted) => {
      const field = type.fields.find((known) => known.name === wanted.name);
      return field === undefined
        ? wanted.nullable
        : fits(field.type, wanted.type) && (wanted.nullable || !field.nullable);
    });
  return WIDER[typeName(type)]?.includes(name) ?? false;
}

const WIDER: Readonly<Record<string, readonly string[]>> = {
  integer: ['bigint', 'numeric', 'double precision'],
  bigint: ['numeric', 'double precision'],
  numeric: ['double precision'],
  'double precision': ['numeric'],
  date: ['text'],
  timestamp: ['text'],
  timestamptz: ['text'],
  uuid: ['text'],
};

/** Samples of computed values as they are written, which is how Postgres writes them in JSON. */
const WRITTEN: Readonly<Record<string, string>> = {
  date: '2026-01-31',
  timestamp: '2026-01-31T12:30:00',
  timestamptz: '2026-01-31T12:30:00Z',
  uuid: '019a8b2e-5c00-7000-8000-000000000000',
};

/**
 * For a column declared as one of a few texts, such as `z.enum(['a', 'b'])`: returns a text that the statement may
 * write and the schema does not allow, or undefined if there is none.
 */
function textOutside(
  { expression, from, to }: { readonly expression: Checked } & Between,
  name: string,
): string | undefined {
  const allowed = literalsOf(fieldOf(to, name));
  if (allowed === undefined) return undefined;
  const made = textsOf(expression, from);
  if (made === undefined) return 'any text';
  const other = [...made].find((text) => !allowed.has(text));
  return other === undefined ? undefined : `"${other}"`;
}

/** Returns all texts that an expression can give, or undefined if they are not known. */
function textsOf(expression: Checked, from: NamedSchema): ReadonlySet<string> | undefined {
  switch (expression.kind) {
    case 'constant':
      return new Set(expression.text === null ? [] : [expression.text]);
    case 'column':
      return expression.column.origin === 'data' ? literalsOf(fieldOf(from, expression.column.name)) : undefined;
    case 'case':
      return textsOfAll([...expression.branches.map(({ result }) => result), expression.otherwise], from);
    case 'coalesce':
      return textsOfAll(expression.args, from);
    default:
      return undefined;
  }
}

function textsOfAll(parts: readonly Checked[], from: NamedSchema): ReadonlySet<string> | undefined {
  const sets = parts.map((part) => textsOf(part, from));
  return sets.includes(undefined) ? undefined : new Set(sets.flatMap((set) => [...(set ?? [])]));
}

function literalsOf(field: z.ZodType | undefined): ReadonlySet<string> | undefined {
  if (field instanceof z.ZodNullable || field instanceof z.ZodOptional) return literalsOf(field.unwrap() as z.ZodType);
  if (field instanceof z.ZodEnum) return new Set(Object.values(field.enum).map(String));
  return field instanceof z.ZodLiteral ? new Set([...field.values].map(String)) : undefined;
}

function fieldOf({ schema }: NamedSchema, name: string): z.ZodType | undefined {
  return schema instanceof z.ZodObject ? (schema.shape[name] as z.ZodType | undefined) : undefined;
}

/** Tests whether a column accepts a value. Returns true if the schema is not a plain object: its types still count. */
const takes = (to: NamedSchema, name: string, value: unknown): boolean =>
  fieldOf(to, name)?.safeParse(value).success ?? true;

const isNeeded = (to: NamedSchema, name: string): boolean => !takes(to, name, undefined);

function mistake({ source }: Plan, offset: number, { problem, hint }: Problem): SqlMistake {
  return new SqlMistake('invalid', { source, offset, problem, hint });
}
