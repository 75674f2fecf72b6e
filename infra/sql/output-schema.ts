import type { OutputColumn } from './plan.ts';
import type { Column, SqlType } from './sql-type.ts';
import { typeName } from './sql-type.ts';

/** The zod schema of a statement's outputs, as code. `meta({ sql })` carries the type where JSON has none of its own. */
export function outputSchemaCode(outputs: readonly OutputColumn[]): string {
  return objectCode(
    outputs.map(({ name, expression }) => ({ name, type: expression.type, nullable: expression.nullable })),
  );
}

function objectCode(columns: readonly Column[]): string {
  const fields = columns.map(
    ({ name, type, nullable }) =>
      `${propertyName(name)}: ${schemaCode(type)}${nullable && !isAny(type) ? '.nullable()' : ''},`,
  );
  return `z.object({\n${fields.join('\n')}\n})`;
}

const propertyName = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** jsonb is any JSON, null included. */
const isAny = (type: SqlType): boolean => typeName(type) === 'jsonb';

function schemaCode(type: SqlType): string {
  if (type.kind === 'array') return `z.array(${schemaCode(type.element)}${isAny(type.element) ? '' : '.nullable()'})`;
  if (type.kind === 'record') return objectCode(type.fields);
  switch (type.name) {
    case 'boolean':
      return 'z.boolean()';
    case 'integer':
      return 'z.int32()';
    case 'bigint':
      return "z.number().meta({ sql: 'bigint' })";
    case 'double precision':
      return 'z.float64()';
    case 'numeric':
      return 'z.number()';
    case 'jsonb':
      return 'z.json()';
    case 'text':
    case 'unknown':
      return 'z.string()';
    default:
      return `z.string().meta({ sql: '${type.name}' })`;
  }
}
